"""Our networks with a pack's weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.parity_openworldsam.pack import Pack, Picture
from lexiseg.models.beit3 import Beit3
from lexiseg.models.openworldsam import Adapter, AdapterConfig
from lexiseg.models.openworldsam.config import config_of
from lexiseg.models.openworldsam.loading import sort_keys
from lexiseg.models.sam import FAMILIES, Preprocessing, Segmenter
from lexiseg.models.sam.hq_sam2.config import HqSam2Config
from lexiseg.models.sam.hq_sam2.layout import sam2_to_huggingface
from lexiseg.models.weights import load_strictly
from lexiseg.types import Frame, ImageEmbedding

SAM2, BEIT3 = "visual_model.", "mm_extractor."


@dataclass(frozen=True)
class PackNetworks:
    """All three in float32."""

    segmenter: Segmenter
    encoder: Beit3
    adapter: Adapter

    def embed(self, pack: Pack, picture: Picture) -> ImageEmbedding:
        """SAM 2's features of the given pixels."""
        pixels = pack.input(f"in.img{picture.number}.sam").float()[None]
        side = (pixels.shape[-2], pixels.shape[-1])
        with torch.no_grad():
            maps = self.segmenter.encoder(pixels)
        return ImageEmbedding(Frame(picture.size_hw, side, side), maps)

    def read(self, pack: Pack, picture: Picture) -> Tensor:
        """(P, L, D) all tokens of BEiT-3 for the picture with each prompt."""
        pixels = pack.input(f"in.img{picture.number}.beit").float()[None]
        with torch.no_grad():
            tokens: Tensor = self.encoder.network(pixels, *pack.tokens(picture.prompts))
        return tokens


def build_networks(pack: Pack) -> PackNetworks:
    """Fill our networks; every tensor of the pack is used."""
    settings = pack.settings
    encoder = Beit3.from_state_dict(
        {key: tensor for key, tensor in pack.state.items() if key.startswith(BEIT3)},
        "cpu", "float32", heads=settings["beit_heads"],
    )  # fmt: skip
    return PackNetworks(_sam2(pack), encoder, _adapter(pack))


def _adapter(pack: Pack) -> Adapter:
    state = sort_keys(pack.state, "the pack").state
    sizes = config_of(state, pack.settings["soft_prompt_heads"])
    adapter = Adapter(AdapterConfig(**{**vars(sizes), "dropout": 0.0}))
    load_strictly(adapter, state, "the pack", torch.float32)
    return adapter.eval()


def _sam2(pack: Pack) -> Segmenter:
    state = {k.removeprefix(SAM2): t for k, t in pack.state.items() if k.startswith(SAM2)}
    settings = pack.settings
    sizes = (
        HqSam2Config(
            width=settings["hiera_embed_dim"],
            heads=settings["hiera_num_heads"],
            depths=tuple(settings["hiera_stages"]),
            windows=tuple(settings["hiera_window_spec"]),
            global_blocks=tuple(settings["hiera_global_att_blocks"]),
            position_side=settings["hiera_window_pos_embed_bkg_spatial_size"][0],
            frame=settings["sam_image_size"],
            neck_width=settings["embed_dim"],
            decoder_heads=settings["decoder_heads"],
            mlp_width=settings["decoder_mlp_dim"],
            mask_channels=len(state["sam_prompt_encoder.mask_downscaling.4.weight"]),
            score_width=settings["decoder_iou_hidden"],
        )
        .to_huggingface()
        .to_dict()
    )
    sizes["vision_config"]["fpn_top_down_levels"] = settings["neck_fpn_top_down_levels"]
    network = FAMILIES["sam2"].build(sizes)
    load_strictly(network, sam2_to_huggingface(state), "the pack", torch.float32)
    preprocessing = Preprocessing(settings["sam_image_size"], keep_aspect=False, antialias=False)
    return FAMILIES["sam2"].assemble(network, preprocessing)
