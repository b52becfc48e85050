"""Rebuild a CaR reference pack: two random CLIPs, one image, several recurrences.

Nothing but the weights, meta.json and the arrays named in `INPUTS` is read; sizes, patch,
orientation, queries and runs follow from them.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatch
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.comparison import Comparison, Tolerance, compare_all, first_match
from lexiseg.methods.car.classifier import MaskClassifier
from lexiseg.methods.car.config import ORIGAMI, PROMPTS, RELEASED, CarConfig, VisualPrompt
from lexiseg.methods.car.postprocess import background_score, label_map
from lexiseg.methods.car.proposals import ProposalGenerator, enlarge
from lexiseg.methods.car.recurrence import Question, Recurrence, Trace
from lexiseg.methods.car.scene import Scene, encode_scene, fit_to_patches
from lexiseg.methods.car.visual_prompts import draw_prompts, surroundings
from lexiseg.models.clip import Clip, PositionTable
from lexiseg.models.weights import read_state
from lexiseg.ops.affinity import map_boxes, refine, sinkhorn
from lexiseg.ops.attention import AttentionMean
from lexiseg.ops.cam import cosine_cotangents, joint_cotangents, min_max
from lexiseg.ops.crf import CrfConfig, unary_from_scores, wrapped_bgr
from lexiseg.ops.stopwatch import Stopwatch

INPUTS = ("image_u8", "prompt.masks", "openai_*.image_in", "openai_*.tokens", "*.tokens*")
EXACT = Tolerance(0.0)
TOLERANCES = {
    "image_u8": EXACT,
    "*.tokens*": EXACT,
    "*.image_in": EXACT,
    "prompt.*": EXACT,
    "aff.box*": EXACT,
    "aff.proposal_first*": Tolerance(1e-4),
    "aff.*": Tolerance(1e-5),
    "cam.channel_weights": Tolerance(1e-4, "row"),
    "cam.fallback_used": EXACT,
    "cam.image": Tolerance(1e-6),
    "cam.attn*": Tolerance(1e-5),
    "cam.prob": Tolerance(1e-5),
    "cam.text_embed": Tolerance(1e-5),
    "cam.*": Tolerance(1e-4),
    "cls.image": Tolerance(1e-6),
    "cls.*": Tolerance(1e-5),
    "crf.image*": EXACT,
    "crf.label": Tolerance(0.01, "pixels"),
    "crf.q": Tolerance(2e-3),
    "edge.*": EXACT,
    "openai_*": Tolerance(1e-4),
    "run*.masks": Tolerance(0.01, "pixels"),
    "run*.last_proposals": Tolerance(1e-4),
    "run*.scores": Tolerance(1e-4),
    "run*.matrix": Tolerance(1e-4),
    "run*": EXACT,
}
Arrays = Iterator[tuple[str, Any]]


def recognizes(folder: Path) -> bool:
    """Whether a folder is a CaR pack: its meta.json names queries, eta and templates."""
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(meta, dict) and {"queries", "eta", "templates"} <= set(meta)


def rebuild(folder: Path) -> Iterator[Comparison]:
    """Compare every array of the pack with ours; what we do not make counts as infinitely off."""
    pack = Pack(folder)
    with torch.no_grad():
        ours = list(pack.rebuild())
    yield from compare_all(ours, pack.arrays, pack.names, first_match(TOLERANCES))


class ToyTokenizer:
    """The packs' stand-in for BPE: a hash per lower-cased word or punctuation mark."""

    def __init__(self, vocabulary: int, context: int) -> None:
        self.vocabulary, self.context = vocabulary, context

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Token ids (N, context), zero padded."""
        ids = torch.zeros(len(texts), self.context, dtype=torch.long)
        for row, text in zip(ids, texts, strict=True):
            words = re.findall(r"\w+|[^\w\s]", text.lower())
            hashed = [1 + zlib.crc32(word.encode()) % (self.vocabulary - 3) for word in words]
            line = [self.vocabulary - 2, *hashed[: self.context - 2], self.vocabulary - 1]
            row[: len(line)] = torch.tensor(line)
        return ids


class RecordingClassifier(MaskClassifier):
    """Remembers the similarity matrix of every step."""

    def __init__(self, clip: Clip, config: CarConfig) -> None:
        super().__init__(clip, config)
        self.matrices: list[Tensor] = []

    def similarities(self, images: Tensor, texts: Tensor) -> Tensor:
        """As the parent, and keep the result."""
        self.matrices.append(super().similarities(images, texts))
        return self.matrices[-1]


class Pack:
    """A pack's inputs, and our versions of its outputs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.meta: dict[str, Any] = json.loads((folder / "meta.json").read_text("utf-8"))
        self.arrays = np.load(folder / "arrays.npz")
        self.names = list(self.arrays.files)
        self.queries: list[str] = self.meta["queries"]
        self.background: list[str] = self.meta["background"]

    def expected(self, name: str) -> NDArray[np.generic]:
        """An output of the official implementation; only for the final comparison."""
        array: NDArray[np.generic] = self.arrays[name]
        return array

    def input(self, name: str) -> NDArray[Any]:
        """An array that is given, not to be rebuilt."""
        assert any(fnmatch(name, pattern) for pattern in INPUTS), name
        return self.expected(name)

    def rebuild(self) -> Arrays:
        """Every array we can make, by its name in the pack."""
        yield "image_u8", self.image
        yield "prompt.masks", self.input("prompt.masks")
        for part in (
            self.openai, self.cam_tower, self.cam, self.affinity, self.prompts, self.classifier,
            self.runs, self.crf, self.edge,
        ):  # fmt: skip
            yield from part()

    def clip(self, prefix: str, position: PositionTable) -> Clip:
        """One of the two CLIPs."""
        state = read_state(self.folder / "weights.safetensors", prefix)
        words = ToyTokenizer(
            len(state["token_embedding.weight"]), len(state["positional_embedding"])
        )
        return Clip.from_state_dict(state, words, "cpu", "float32", position=position)

    @cached_property
    def gen(self) -> Clip:
        """The CAM tower as CaR uses it."""
        return self.clip("gen.", PositionTable(round_fp16=True))

    @cached_property
    def cls(self) -> Clip:
        """The classifier as CaR uses it."""
        return self.clip("cls.", PositionTable(round_fp16=True))

    @cached_property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB."""
        return self.input("image_u8")

    @cached_property
    def config(self) -> CarConfig:
        """The settings of the pack."""
        return CarConfig(
            eta=float(self.meta["eta"]),
            theta=float(self.meta["theta"]),
            lam=float(self.meta["lam"]),
            prompts=self.run_prompts,
            background=tuple(self.background),
            templates=tuple(self.meta["templates"]),
            procedure=RELEASED,
            crf=CrfConfig(image="bgr_wrapped"),
        )

    @cached_property
    def run_prompts(self) -> tuple[VisualPrompt, ...]:
        """What marks the regions in the runs; a list or names between commas."""
        told = self.meta["prompts"]
        names = told.split(",") if isinstance(told, str) else told
        return tuple(prompt for prompt in PROMPTS if prompt in {name.strip() for name in names})

    @cached_property
    def scene(self) -> Scene:
        """The encoded image."""
        return encode_scene(self.image, self.gen, self.config)

    @cached_property
    def generator(self) -> ProposalGenerator:
        """Proposals with the pack's settings."""
        return ProposalGenerator(self.gen, self.config)

    @cached_property
    def texts(self) -> tuple[Tensor, Tensor]:
        """Unit embeddings of step-1 queries and background."""
        return (
            self.generator.text_embeddings(self.queries, self.generator.template(0)),
            self.generator.text_embeddings(self.background, ORIGAMI),
        )

    def openai(self) -> Arrays:
        """Plain CLIP, both towers."""
        for prefix in ("gen", "cls"):
            name, clip = f"openai_{prefix}", self.clip(f"{prefix}.", PositionTable())
            pixels = torch.from_numpy(self.input(f"{name}.image_in"))
            tokens = torch.from_numpy(self.input(f"{name}.tokens")).long()
            yield f"{name}.image_in", pixels
            yield f"{name}.tokens", tokens
            yield f"{name}.image_features", clip.image_features(pixels)
            yield f"{name}.text_features", clip.network.text(tokens)
            yield f"{name}.logits_per_image", clip.network(pixels, tokens)

    def cam_tower(self) -> Arrays:
        """The CAM tower up to the last block."""
        tower = self.gen.visual
        pixels = fit_to_patches(self.image, tower.config.patch_size, RELEASED.size_multiple)
        normalized = self.gen.preprocessing.normalize(pixels)
        records = {index: AttentionMean() for index in range(len(tower.blocks) - 1)}
        tokens = tower.run(tower.embed(normalized), stop=len(records), attention=records)
        yield "cam.image", normalized
        yield "cam.penultimate", tokens[0]
        cls_rows = [record.mean[0, 0] for record in records.values()]
        yield "cam.attn_layers_mean_per_row_cls", torch.stack(cls_rows)

    def cam(self) -> Arrays:
        """Logits, channel weights and maps."""
        block, count = self.scene.last_block, len(self.queries)
        yield "cam.activation", block.activation.T
        yield "cam.attn_last", block.attention
        yield "cam.image_embed", block.embedding[None]
        yield "cam.tokens_fg_step1", self.gen.tokenizer(self.queries)
        yield "cam.tokens_fg_later", self.gen.tokenizer(_worded(ORIGAMI, self.queries))
        yield "cam.tokens_bg", self.gen.tokenizer(_worded(ORIGAMI, self.background))
        texts = torch.cat(self.texts)
        yield "cam.text_embed", texts
        logits, gradients = cosine_cotangents(block.embedding, texts, self.gen.logit_scale)
        yield "cam.logits", logits[None]
        yield "cam.prob", logits.softmax(0)
        cotangents = joint_cotangents(logits, gradients, count)
        yield "cam.channel_weights", block.channel_weights(cotangents)
        yield "cam.map", self.maps[0].view(count, *self.scene.grid_hw)
        yield "cam.fallback_used", self.maps[1].int()

    @cached_property
    def maps(self) -> tuple[Tensor, Tensor]:
        """Grad-CAMs of step 1, and where the second try was needed."""
        return self.generator.activation_maps(self.scene, *self.texts)

    def affinity(self) -> Arrays:
        """Affinity, boxes and refined maps."""
        tower, grid, maps = self.gen.visual, self.scene.grid_hw, self.maps[0]
        record = AttentionMean()
        pixels = fit_to_patches(self.image, tower.config.patch_size, RELEASED.size_multiple)
        last_blocks = range(len(tower.blocks))[-8:]
        tokens = tower.embed(self.gen.preprocessing.normalize(pixels))
        tower.run(tokens, attention=dict.fromkeys(last_blocks, record))
        yield "aff.W", record.mean[0, 1:, 1:]
        yield "aff.D", sinkhorn(record.mean[0, 1:, 1:])
        yield "aff.T", self.scene.affinity @ self.scene.affinity
        levels = (maps * 255).to(torch.uint8).numpy().reshape(-1, *grid)
        boxes = [np.array(sorted(map_boxes(level, self.config.lam).tolist())) for level in levels]
        boxes = [found.reshape(-1, 4) for found in boxes]
        longest = max(map(len, boxes))
        padding = [((0, longest - len(found)), (0, 0)) for found in boxes]
        yield (
            "aff.boxes",
            np.stack(
                [np.pad(b, p, constant_values=-1) for b, p in zip(boxes, padding, strict=True)]
            ),
        )
        inside = np.zeros(levels.shape, np.uint8)
        for mask, found in zip(inside, boxes, strict=True):
            for x0, y0, x1, y1 in found:
                mask[y0:y1, x0:x1] = 1
        flat = torch.from_numpy(inside).flatten(1)
        yield "aff.box_mask", flat
        refined = refine(self.scene.affinity, maps, flat)
        yield "aff.refined", refined.view(levels.shape)
        for name in self.names:
            if found_count := re.fullmatch(r"aff\.proposal_first(\d+)", name):
                first = min_max(refined[: int(found_count[1])])
                yield name, enlarge(first, grid, self.image.shape[:2])

    def prompts(self) -> Arrays:
        """The given masks drawn in every combination that the pack names."""
        for name in self.names:
            if name.startswith("prompt.") and name != "prompt.masks":
                told = name.removeprefix("prompt.").split("_")
                if set(told) <= set(PROMPTS):
                    names = tuple(prompt for prompt in PROMPTS if prompt in told)
                else:  # "all4" does not say which
                    names = self.fitting_prompts(name, lambda drawn: np.stack(drawn))
                yield name, np.stack(self.drawn(names))

    def fitting_prompts(
        self, name: str, prepare: Callable[[list[NDArray[np.uint8]]], Any]
    ) -> tuple[VisualPrompt, ...]:
        """Which prompts an array of marked pictures was made with; no file has to say so.

        Those of the runs come first, then every other choice; the closest is taken, and the
        comparison says whether it is close enough.
        """
        theirs = self.expected(name).astype(np.float64)
        choices = [c for n in range(len(PROMPTS) + 1) for c in combinations(PROMPTS, n)]

        def misfit(choice: tuple[VisualPrompt, ...]) -> float:
            ours = np.asarray(prepare(self.drawn(choice)[: len(theirs)]), np.float64)
            return float(np.abs(ours - theirs).max()) if ours.shape == theirs.shape else np.inf

        return min([self.run_prompts, *choices], key=misfit)

    def drawn(self, prompts: Sequence[VisualPrompt]) -> list[NDArray[np.uint8]]:
        """The image prompted with each given mask."""
        around = surroundings(self.image, prompts)
        masks = self.input("prompt.masks").astype(bool)
        return [draw_prompts(self.image, around, mask, prompts) for mask in masks]

    def classifier(self) -> Arrays:
        """Similarity of the prompted images with the first queries."""
        if "cls.image" not in self.names:
            return
        templates_told, count = self.input("cls.tokens").shape[:2]
        templates = self.config.templates[:templates_told]
        judge = MaskClassifier(self.cls, replace(self.config, templates=templates))
        names = self.queries[:count]
        worded = [_worded(template, names) for template in templates]
        yield "cls.tokens", torch.stack([self.cls.tokenizer(texts) for texts in worded])
        squares = self.cls.preprocessing.squares
        prompts = self.fitting_prompts("cls.image", squares)
        pixels = squares(self.drawn(prompts)[: len(self.expected("cls.image"))])
        images, texts = judge.embed(pixels), judge.text_embeddings(names)
        yield "cls.image", pixels
        yield "cls.image_embed", images
        yield "cls.text_embed", texts
        single = torch.stack([judge.similarities(images, one[None]) for one in texts])
        yield "cls.prob_per_template", single
        yield "cls.matrix_single", single[0]
        yield "cls.matrix_templates", judge.similarities(images, texts)

    def runs(self) -> Arrays:
        """Complete recurrences."""
        for run in self.run_names:
            yield from self.run_arrays(run, *self.traces[run])

    @cached_property
    def run_names(self) -> list[str]:
        """Names of the recurrences in the pack."""
        return sorted({name.split(".")[0] for name in self.names if name.startswith("run")})

    @cached_property
    def traces(self) -> dict[str, tuple[Trace, list[Tensor]]]:
        """All recurrences, each run once."""
        return {run: self.trace(run) for run in self.run_names}

    def trace(self, run: str) -> tuple[Trace, list[Tensor]]:
        """One recurrence with that run's theta, and its similarity matrices."""
        config = replace(self.config, theta=self.theta(run))
        judge = RecordingClassifier(self.cls, config)
        recurrence = Recurrence(self.generator, judge, config)
        question = Question(tuple(self.queries), tuple(self.background), config.prompts)
        return recurrence.run(self.scene, question, Stopwatch()), judge.matrices

    def theta(self, run: str) -> float:
        """The removal threshold of a run, from meta.json or else the README's settings."""
        key = run.replace("run", "theta", 1)
        if key in self.meta:
            return float(self.meta[key])
        text = (self.folder / "README.md").read_text("utf-8")
        stated = re.search(rf"`{run}` theta ([\d.]+\d)", text)
        return float(stated[1]) if stated else 1.5

    def run_arrays(self, run: str, trace: Trace, matrices: list[Tensor]) -> Arrays:
        """What the pack holds about a run."""
        yield f"{run}.num_steps", [len(trace.steps)]
        yield (
            f"{run}.last_proposals",
            enlarge(trace.proposals, self.scene.grid_hw, self.image.shape[:2]),
        )
        for number, step in enumerate(trace.steps):
            yield f"{run}.step{number}.alive", step.alive
            yield f"{run}.step{number}.kept", step.kept
            # A lone query is not judged: its score is 1 by definition.
            matrix = matrices[number] if number < len(matrices) else np.ones((1, 1))
            yield f"{run}.step{number}.matrix", matrix
        labels = label_map(self.scene, trace.proposals, self.config)
        masks = np.zeros((len(self.queries), *labels.shape), np.uint8)
        scores = np.zeros(len(self.queries))
        # The released one-hot has no channel beyond the largest label that wins a pixel, which
        # loses the scores of the queries behind it; ours are cut here for the comparison.
        channels = zip(trace.kept[: labels.max()], trace.scores, strict=False)
        for number, (query, score) in enumerate(channels, start=1):
            masks[query], scores[query] = labels == number, score
        yield f"{run}.masks", masks
        yield f"{run}.scores", scores

    def crf(self) -> Arrays:
        """The dense CRF on the proposals of the run with as many survivors as it has labels."""
        if "crf.q" not in self.names:
            return
        labels = len(self.expected("crf.q"))
        survivors = (self.traces[run][0].proposals for run in self.run_names[::-1])
        fitting = next((kept for kept in survivors if len(kept) + 1 == labels), None)
        if fitting is None:
            return
        soft = enlarge(fitting, self.scene.grid_hw, self.image.shape[:2])
        scores = torch.cat([background_score(soft.amax(0, keepdim=True), self.config), soft])
        marginals = self.scene.crf(self.config.crf).infer(unary_from_scores(scores.numpy()))
        yield "crf.image_bgr_wrapped", wrapped_bgr(self.image)
        yield "crf.q", marginals
        yield "crf.label", marginals.argmax(0).astype(np.uint8)

    def edge(self) -> Arrays:
        """One query without any rival has no gradient and hence no proposal."""
        alone = self.generator(self.scene, self.queries[:1], [], 0, Stopwatch())
        yield "edge.single_no_bg_proposal_max", [alone.max()]


def _worded(template: str, names: Sequence[str]) -> list[str]:
    return [template.replace("{}", name) for name in names]
