"""SAM's mask decoder, ours beside transformers' own: ``python -m benchmarks.decoder_speed``.

The same random weights of the published size, the same image embedding and the same points, one
point a prompt and three masks a point, as TIDES and automatic generation ask. Both must draw the
same masks; what is printed per point is the time of everything from points to low-resolution masks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time

import torch
from torch import Tensor, nn

from lexiseg.models.device import choose_device, choose_dtype
from lexiseg.models.sam import Preprocessing, Segmenter
from lexiseg.models.sam.prompts import Prompts
from lexiseg.models.sam.variant import PromptingConfig, SamVariant
from lexiseg.types import Frame, ImageEmbedding

FRAME = Frame(image_hw=(384, 512), content_hw=(768, 1024), frame_hw=(1024, 1024))


def main() -> None:
    """Print milliseconds per point of both ways and how far their masks are apart."""
    options = _read_options()
    torch.set_num_threads(options.threads or torch.get_num_threads())
    torch.manual_seed(0)
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    network = SamVariant(nn.Identity(), PromptingConfig())
    segmenter = network.segmenter(Preprocessing(), device, dtype)
    embedding = ImageEmbedding(FRAME, (torch.randn(1, 256, 64, 64).to(device, dtype),))
    points = torch.rand(options.points, 1, 2) * torch.tensor(FRAME.image_hw[::-1])
    for ask in (plain_masks, our_masks):  # kernels are chosen, memory is there
        ask(network, segmenter, embedding, points[:2])
    print(
        f"{len(points)} points, {segmenter.prompts_at_once} at once, {device}, {dtype}, "
        f"{torch.get_num_threads()} threads"
    )
    spent, masks = {}, {}
    for name, ask in (("transformers", plain_masks), ("ours", our_masks)):
        masks[name], *spent[name] = timed(partial(ask, network, segmenter, embedding, points))
        wall, processor = (1000 * seconds / len(points) for seconds in spent[name])
        print(f"  {name:14s} {wall:8.2f} ms per point, {processor:8.2f} ms of the processor")
    clock = 0 if device.type == "cuda" else 1
    saved = 1 - spent["ours"][clock] / spent["transformers"][clock]
    ours, theirs = masks["ours"], masks["transformers"]
    unequal = ((ours > 0) != (theirs > 0)).float().mean()
    print(
        f"  saved {100 * saved:.0f} %; logits up to {theirs.abs().max():.2f} differ by at most "
        f"{(ours - theirs).abs().max():.1e}, {100 * unequal:.4f} % of the mask pixels"
    )


def our_masks(
    network: SamVariant, segmenter: Segmenter, embedding: ImageEmbedding, points: Tensor
) -> Tensor:
    """(P, 3, 256, 256) logits on the host."""
    chunks = segmenter.predict_chunks(embedding, points=points)
    return torch.cat([part.logits.float().cpu() for part in chunks])


@torch.no_grad()
def plain_masks(
    network: SamVariant, segmenter: Segmenter, embedding: ImageEmbedding, points: Tensor
) -> Tensor:
    """The same by transformers' modules, as `SamModel` calls them."""
    encoder, features = segmenter.prompts, embedding.maps[-1]
    dense = encoder.no_mask.view(1, -1, 1, 1).expand_as(features).to(features.dtype)
    parts = []
    for part in Prompts.parse(points, None, None, None).chunks(segmenter.prompts_at_once):
        sparse = encoder.sparse(part, embedding.frame)[None].to(features.dtype)
        position = encoder.position().to(features.dtype)
        logits, _ = network.mask_decoder(features, position, sparse, dense, multimask_output=True)
        parts.append(logits[0].float().cpu())
    return torch.cat(parts)


def timed(work: Callable[[], Tensor]) -> tuple[Tensor, float, float]:
    """Result, seconds by the clock and seconds of the processor."""
    clock, processor = perf_counter(), process_time()
    result = work()  # ends on the host, so nothing is left queued
    return result, perf_counter() - clock, process_time() - processor


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--points", type=int, default=64)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    return parser.parse_args()


if __name__ == "__main__":
    main()
