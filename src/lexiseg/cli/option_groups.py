"""Options that verbs take together, handed to them as one value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from lexiseg.cli.options import (
    USUAL_FORMATS,
    Against,
    Aliases,
    Bands,
    Batch,
    ConfigFile,
    Cutoffs,
    Device,
    Dtype,
    Engine,
    Excluded,
    Formats,
    Jobs,
    Json,
    MethodName,
    OutAddress,
    Overwrite,
    Preset,
    Quiet,
    Settings,
    StretchText,
    Texts,
    TextsFile,
    read_bands,
    read_settings,
    read_vocabulary,
)
from lexiseg.types import Method, Vocabulary

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Model:
    """Which method to load and how."""

    method: str
    preset: str
    device: str
    dtype: str
    settings: dict[str, object]

    def load(self) -> Method:
        """The method with its weights."""
        import lexiseg

        return lexiseg.load(
            self.method,
            preset=self.preset,
            device=self.device,
            dtype=self.dtype,
            **self.settings,
        )


@dataclass(frozen=True, kw_only=True)
class NameOptions:
    """Names to look for."""

    text: Texts = None
    texts_file: TextsFile = None
    alias: Aliases = None
    against: Against = None
    exclude: Excluded = None
    cutoffs: Cutoffs = None

    def vocabulary(self) -> Vocabulary:
        """All of them."""
        return read_vocabulary(
            self.text, self.texts_file, self.alias,
            against=self.against, excluded=self.exclude, cutoffs=self.cutoffs,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Loading:
    """Where a method runs, and its settings."""

    device: Device = "auto"
    dtype: Dtype = "auto"
    set: Settings = None
    config: ConfigFile = None

    def model(
        self, method: str, preset: str | None, dataset: str | None = None, **settings: object
    ) -> Model:
        """A method, with settings that win over those typed.

        Args:
            method: its name.
            preset: as typed; None takes the usual one.
            dataset: name of the data set it will see; None for pictures of one's own.
            settings: these.
        """
        from lexiseg.evaluation.presets import usual_preset
        from lexiseg.registry import METHODS

        typed = read_settings(self.set, self.config)
        asked = METHODS[method]
        named = getattr(asked, "preset_per_dataset", True)
        chosen = preset or usual_preset(dataset, asked.task, per_dataset=named)
        return Model(method, chosen, self.device, self.dtype, {**typed, **settings})


@dataclass(frozen=True, kw_only=True)
class Colours:
    """Which samples of a picture are its colours."""

    bands: Bands = None
    stretch: StretchText = None

    def typed(self) -> dict[str, str]:
        """What was typed, as a run remembers it."""
        given = {"bands": self.bands, "stretch": self.stretch}
        return {name: text for name, text in given.items() if text is not None}

    def reader(self) -> Callable[[Path | bytes], NDArray[np.uint8]]:
        """What makes (H, W, 3) uint8 RGB, of the chosen colours, of a picture or its bytes.

        Raises:
            UsageError: bands or stretch are no numbers.
        """
        from lexiseg.io.image import read_image
        from lexiseg.io.samples import Stretch

        if not self.typed():
            return read_image
        bands = None if self.bands is None else read_bands(self.bands)
        stretch = None if self.stretch is None else Stretch.parse(self.stretch)
        return partial(read_image, bands=bands, stretch=stretch)


@dataclass(frozen=True, kw_only=True)
class ImageRun:
    """Who answers images, and where the answers go."""

    method: MethodName = "car"
    preset: Preset = None
    out: OutAddress = None
    format: Formats = USUAL_FORMATS
    json: Json = False
    jobs: Jobs = None
    batch: Batch = None
    engine: Engine = "local"
    colours: Colours
    loading: Loading
    overwrite: Overwrite = False
    quiet: Quiet = False


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """Show a verb to typer with an option for each field of its arguments that are dataclasses."""
    hints = get_type_hints(verb, include_extras=True)
    asked = signature(verb).parameters
    options = [one for name in asked for one in _options(name, hints[name], asked[name].default)]

    @wraps(verb)
    def call(**given: object) -> None:
        verb(**{name: _collect(name, hints[name], given) for name in asked})

    shown: Any = call  # functions have no room for a signature, as typing sees them
    shown.__signature__ = Signature(options)
    shown.__annotations__ = {one.name: one.annotation for one in options}
    return call


def _options(name: str, hint: object, default: object) -> Iterator[Parameter]:
    if not is_dataclass(hint):
        known = Parameter.empty if default is MISSING else default
        yield Parameter(name, Parameter.KEYWORD_ONLY, default=known, annotation=hint)
        return
    hints = get_type_hints(hint, include_extras=True)
    for field in fields(hint):
        yield from _options(field.name, hints[field.name], field.default)


def _collect(name: str, hint: object, given: Mapping[str, object]) -> object:
    """A parameter's value: as typed, or a dataclass filled from what was typed for its fields."""
    if not (isinstance(hint, type) and is_dataclass(hint)):
        return given[name]
    hints = get_type_hints(hint)
    values = {field.name: _collect(field.name, hints[field.name], given) for field in fields(hint)}
    return hint(**values)
