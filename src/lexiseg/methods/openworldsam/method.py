"""OpenWorldSAM: one question, every kind of answer, from two frozen networks and one small part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lexiseg.config import override
from lexiseg.errors import UsageError
from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, ImageArray, Provenance
from lexiseg.methods.openworldsam.config import OpenWorldSamConfig
from lexiseg.methods.openworldsam.loading import WeightSources, load_networks
from lexiseg.methods.openworldsam.pipeline import ask
from lexiseg.methods.openworldsam.presence import see_windows
from lexiseg.methods.openworldsam.presets import find_preset
from lexiseg.methods.openworldsam.referring import report_sentences
from lexiseg.methods.openworldsam.report import report_names
from lexiseg.methods.openworldsam.scene import Scene
from lexiseg.methods.openworldsam.vectors import PairEncoder, PairVectors, vector_file
from lexiseg.methods.parts import encode_all
from lexiseg.models.openworldsam import Adapter
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.scorers.dense_maps import DenseMaps
from lexiseg.types import DenseScorer, ImageSource, Result, SentenceProtocol, Vocabulary

if TYPE_CHECKING:
    from lexiseg.models.sam import Segmenter


class OpenWorldSam(BaseMethod[Scene, OpenWorldSamConfig]):
    """Answers names and sentences with objects, a semantic map and a division into segments.

    Args:
        encoder: gives one vector for a picture and a text; BEiT-3 in the paper.
        adapter: makes tokens of the mask decoder of a vector; the only trained part.
        segmenter: SAM 2.
        config: settings.
        clip: looks which names are there, for presence="clip".
        vector_folder: keeps the encoder's vectors beyond the program's end; None for nowhere.
        provenance: how the parts were loaded.

    Example:
        >>> import lexiseg
        >>> method = lexiseg.load("openworldsam")                          # doctest: +SKIP
        >>> result = method.segment("street.jpg", ["car", "road"])         # doctest: +SKIP
        >>> result.panoptic.segments                                       # doctest: +SKIP
        >>> method.refer("street.jpg", "the car on the left")              # doctest: +SKIP
    """

    name = "openworldsam"
    verbs = ("segment", "refer", "video")
    takes_stuff = True
    preset_per_dataset = False
    scene_type = Scene
    encoding = (
        *(f"{kind}.{part}" for kind in ("weights", "dtypes") for part in ("segmenter", "encoder")),
        *("weights.clip", "settings.clip.long_side", "settings.clip.windows"),
        "settings.clip.stride",
    )

    def __init__(
        self,
        encoder: PairEncoder,
        adapter: Adapter,
        segmenter: Segmenter,
        config: OpenWorldSamConfig | None = None,
        *,
        clip: DenseScorer | None = None,
        vector_folder: Path | None = None,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or OpenWorldSamConfig(), provenance)
        self.encoder, self.adapter, self.segmenter = encoder, adapter, segmenter
        self.clip, self.vector_folder = clip, vector_folder
        _check_widths(encoder, adapter, segmenter)

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        adapter: str | Path | None = None,
        sam2: str | Path | None = None,
        beit3: str | Path | None = None,
        clip_weights: str | Path | None = None,
        vector_folder: str | Path | None = None,
        **options: object,
    ) -> OpenWorldSam:
        """Load settings and weights.

        Args:
            preset: a name of `presets.PRESETS`.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16"; of the
                frozen networks.
            adapter: folder of a training run, or folder, file or hub id of an adapter.
            sam2: known or bundled name, hub id, folder or file of a SAM 2.0.
            beit3: hub id, bundled name, folder or file of a BEiT-3, its tokenizer beside it.
            clip_weights: the CLIP of presence="clip".
            vector_folder: where to keep BEiT-3's vectors for the next time; changes no answer.
            options: fields of `OpenWorldSamConfig`.

        Raises:
            UnknownNameError: no such preset or option.
            WeightsNotFoundError: the weights are not on this machine.
            CheckpointError: they do not fit, or are those of SAM 2.1.
        """
        chosen = find_preset(preset)
        config = override(OpenWorldSamConfig(), {**chosen.options, **options})
        choice = WeightSources(
            str(adapter or chosen.adapter),
            str(sam2 or chosen.sam2),
            str(beit3 or chosen.beit3),
            str(clip_weights or chosen.clip) if config.presence == "clip" else None,
        )
        networks = load_networks(choice, device, dtype)
        return cls(
            networks.encoder,
            networks.adapter,
            networks.segmenter,
            config,
            clip=networks.clip,
            vector_folder=None if vector_folder is None else Path(vector_folder),
            provenance=Provenance(preset, choice.parts, frozenset(options)),
        )

    @property
    def networks(self) -> Mapping[str, object]:
        """Both frozen networks and the adapter, and CLIP if there is one."""
        own = {"segmenter": self.segmenter, "encoder": self.encoder, "adapter": self.adapter}
        return {**own, "clip": self.clip} if self.clip else own

    def _encode(self, image: ImageArray, watch: Stopwatch) -> Scene:
        return self._encode_many([image], watch)[0]

    def _encode_many(self, images: Sequence[ImageArray], watch: Stopwatch) -> list[Scene]:
        vectors = [self._vectors(image) for image in images]
        windows: Sequence[DenseMaps | None] = [None] * len(images)
        if self.clip:
            windows = see_windows(self.clip, images, self.config.clip)
        seen = encode_all(self.segmenter, images)
        return [Scene(*about) for about in zip(images, seen, vectors, windows, strict=True)]

    def _vectors(self, image: ImageArray) -> PairVectors:
        folder = self.vector_folder
        file = None if folder is None else vector_file(folder, self.encoder, image)
        return PairVectors(self.encoder, self.encoder.prepare(image), file)

    def _segment(self, scene: Scene, vocabulary: Vocabulary, watch: Stopwatch) -> Answer:
        self._require_clip()
        groups = ask(scene, vocabulary.wordings, self, watch)
        return report_names(groups, vocabulary.names, self.config, watch)

    def _refer(
        self, scene: Scene, sentences: tuple[str, ...], protocol: SentenceProtocol, watch: Stopwatch
    ) -> Answer:
        self._require_clip()
        groups = ask(scene, [(sentence.lower(),) for sentence in sentences], self, watch)
        return report_sentences(groups, sentences, protocol, self.config)

    def _video(
        self,
        frames: Iterable[ImageSource],
        names: Vocabulary,
        smoothing: float | None,
        refer: bool,
    ) -> Iterator[Result]:
        if smoothing:
            raise UsageError(
                f"OpenWorldSAM answers every frame for itself; smoothing was {smoothing:g}, leave "
                "it out."
            )
        if refer:
            return (self.refer(frame, names.names) for frame in frames)
        return (self.segment(frame, names) for frame in frames)

    def _require_clip(self) -> None:
        if self.config.presence == "clip" and self.clip is None:
            raise UsageError(
                'presence="clip" needs a CLIP, and this method was loaded without; load it with '
                'presence="clip".'
            )


def _check_widths(encoder: PairEncoder, adapter: Adapter, segmenter: Segmenter) -> None:
    """Refuse parts that do not fit each other.

    Raises:
        UsageError: with both widths.
    """
    config, tokens = adapter.config, segmenter.prompts.no_mask.shape[0]
    if (encoder.width, tokens) != (config.encoder_width, config.width):
        raise UsageError(
            f"The adapter leads from vectors of {config.encoder_width} numbers to tokens of "
            f"{config.width}, but the encoder gives {encoder.width} and the segmenter takes "
            f"{tokens}; give networks of the sizes that it was trained on."
        )
