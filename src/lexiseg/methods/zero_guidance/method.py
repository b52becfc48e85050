"""Zero-guidance with its parts: self-supervised features, CLIP and what puts it into words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lexiseg.methods.base import ASSEMBLED, Answer, BaseMethod, ImageArray, Provenance
from lexiseg.methods.parts import part_options
from lexiseg.methods.zero_guidance.candidates import find_segments
from lexiseg.methods.zero_guidance.config import ZeroGuidanceConfig
from lexiseg.methods.zero_guidance.loading import choose, load_captioner
from lexiseg.methods.zero_guidance.pipeline import Scene, encode_scene, label_scene
from lexiseg.methods.zero_guidance.presets import find_preset
from lexiseg.methods.zero_guidance.report import describe_nodes
from lexiseg.methods.zero_guidance.segments import Segments
from lexiseg.models.clip import Clip
from lexiseg.models.dino import Dino
from lexiseg.models.hub import require_weights
from lexiseg.ops.stopwatch import Stopwatch
from lexiseg.registry import CAPTIONERS
from lexiseg.types import Captioner, SelfSupervisedEncoder


class ZeroGuidance(BaseMethod[Scene, ZeroGuidanceConfig]):
    """Cuts a picture into meaningful segments and names them, without being asked for anything.

    Args:
        dino: whose keys say which pixels belong together; any self-supervised encoder.
        clip: sees the segments.
        captioner: puts what CLIP sees into words.
        config: settings.
        provenance: how the parts were loaded.

    Example:
        >>> import lexiseg
        >>> zero = lexiseg.load("zero-guidance", preset="mini")    # doctest: +SKIP
        >>> zero.label("photo.jpg").names                          # doctest: +SKIP
        ('grass', 'dog', 'sky')
    """

    name = "zero-guidance"
    task = "self-named"
    verbs = ("label",)
    scene_type = Scene
    encoding = (
        "weights.dino",
        "weights.clip",
        "dtypes.dino",
        "dtypes.clip",
        *(f"settings.{option}" for option in ("short_side", "stride", "facet", "max_tokens")),
        *(f"settings.{option}" for option in ("normalize", "linkage", "segments", "splits")),
        *(f"settings.{option}" for option in ("max_sibling_cosine", "use_crf", "crf", "embedding")),
        *(f"settings.{option}" for option in ("masked_blocks", "sigma_squared", "saliency")),
        "settings.square",
    )

    def __init__(
        self,
        dino: SelfSupervisedEncoder,
        clip: Clip,
        captioner: Captioner,
        config: ZeroGuidanceConfig | None = None,
        provenance: Provenance = ASSEMBLED,
    ) -> None:
        super().__init__(config or ZeroGuidanceConfig(), provenance)
        self.dino = dino
        self.clip = clip
        self.captioner = captioner

    @classmethod
    def load(
        cls,
        preset: str = "paper",
        device: str = "auto",
        dtype: str = "auto",
        *,
        variant: str | None = None,
        decoder: str | None = None,
        dino_weights: str | Path | None = None,
        clip_weights: str | Path | None = None,
        **options: object,
    ) -> ZeroGuidance:
        """Load settings and weights.

        Args:
            preset: "paper" is the published method, which writes captions; "word-list" has its
                weights but takes words of a list; "mini" is the bundled toy world.
            device: "auto" or a torch device.
            dtype: "auto" (bfloat16 where the processor has it), "float32", "bfloat16".
            variant: "recommended", or the literal readings "paper" and "released"; by default
                the preset's. It wins over the preset where they disagree.
            decoder: a name of `CAPTIONERS` in place of the variant's.
            dino_weights: hub id, folder or file in place of the preset's.
            clip_weights: the same for CLIP.
            options: fields of `ZeroGuidanceConfig`; ``decoder.x`` is the option x of the decoder.

        Raises:
            UnknownNameError: no such preset, variant, decoder or option.
            WeightsNotFoundError: the weights are not on this machine.
        """
        weights = find_preset(preset)
        choice = choose(weights, variant, decoder, options)
        seer, reader = str(dino_weights or weights.dino), str(clip_weights or weights.clip)
        require_weights(seer, reader, *choice.checkpoints)
        parts = {
            "variant": variant or weights.variant,
            "decoder": choice.decoder,
            "dino_weights": seer,
            "clip_weights": reader,
            **choice.language_model,
        }
        dino, clip = Dino.load(seer, device, dtype), Clip.load(reader, device, dtype)
        captioner = load_captioner(choice, clip)
        return cls(dino, clip, captioner, choice.config, Provenance(preset, parts))

    @property
    def networks(self) -> Mapping[str, object]:
        """Both encoders, and what the captioner draws on: a language model or a list of words."""
        return {"clip": self.clip, "dino": self.dino, "captioner": self.captioner}

    @property
    def part_settings(self) -> Mapping[str, object]:
        """Which captioner, and its options."""
        kind = CAPTIONERS.name_of(type(self.captioner))
        options = part_options("decoder", getattr(self.captioner, "config", None))
        return {"decoder": kind, **options}

    def _encode(self, image: ImageArray, watch: Stopwatch) -> Scene:
        return encode_scene(image, self._cut, self.clip, self.config, watch)

    def _label(self, scene: Scene, watch: Stopwatch) -> Answer:
        return describe_nodes(scene, label_scene(scene, self, watch).nodes)

    def _cut(self, image: ImageArray) -> Segments:
        return find_segments(image, self.dino, self.config)
