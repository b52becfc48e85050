"""What clients may send: JSON, or the fields of a form with a file."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeAlias, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, WithJsonSchema
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from lexiseg.errors import LexisegError, in_one_line
from lexiseg.types import Verb, split_comma_list
from lexiseg.web.refusal import RefusedError, unfit

MaskFormat = Literal["rle", "polygon", "png"]
View = Literal["instances", "semantic", "panoptic"]
JSON, FORM, PLAIN_FORM = (
    "application/json", "multipart/form-data", "application/x-www-form-urlencoded",
)  # fmt: skip
_LISTS = ("names", "against", "excluded", "formats")


def _listed(given: object) -> object:
    """A text is a comma list, as everywhere in lexiseg."""
    return split_comma_list(given) if isinstance(given, str) else given


TextList = Annotated[
    list[str],
    BeforeValidator(_listed),
    WithJsonSchema({"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}]}),
]
Share = Annotated[float, Field(ge=0, le=1)]


class PictureBody(BaseModel):
    """A picture, and who is to look at it."""

    model_config = ConfigDict(extra="forbid")

    image: str | None = Field(default=None, description="The file in base64, or a data URI.")
    image_id: str | None = Field(default=None, description="Of a picture that was sent before.")
    method: str | None = Field(default=None, description="A name of GET /v1/models.")


class QuestionBody(PictureBody):
    """What all questions have in common."""

    format: MaskFormat = Field(default="rle", description="How masks are written.")
    view: View = Field(
        default="instances",
        description="Regions as found, one per name, or segments that do not overlap.",
    )
    cutoff: Share = Field(default=0.0, description="Regions of a lower score are left out.")


class SegmentBody(QuestionBody):
    """Names to look for."""

    names: TextList = Field(description="A list, or one text with commas.")
    against: TextList = Field(default=[], description="Names that compete and are not reported.")
    excluded: TextList = Field(default=[], description="Names that are cut out of all others.")
    cutoffs: dict[str, Share] = Field(default={}, description="Name to least score of its regions.")

    @property
    def verb(self) -> Verb:
        """How a method is asked."""
        return "segment"

    @property
    def asked_texts(self) -> list[str]:
        """Everything that was typed."""
        return [*self.names, *self.against, *self.excluded]


class ReferBody(QuestionBody):
    """Sentences, each of which describes one thing."""

    texts: list[str] = Field(description="Sentences.")

    @property
    def verb(self) -> Verb:
        """How a method is asked."""
        return "refer"

    @property
    def asked_texts(self) -> list[str]:
        """Everything that was typed."""
        return self.texts


class LabelBody(QuestionBody):
    """A picture that names its segments itself."""

    @property
    def verb(self) -> Verb:
        """How a method is asked."""
        return "label"

    @property
    def asked_texts(self) -> list[str]:
        """Everything that was typed."""
        return []


class FilesBody(QuestionBody):
    """A question whose answer is written as files."""

    verb: Literal["segment", "refer", "label"] = "segment"
    names: TextList = Field(default=[], description="For segment.")
    texts: list[str] = Field(default=[], description="For refer.")
    against: TextList = Field(default=[], description="For segment.")
    excluded: TextList = Field(default=[], description="For segment.")
    cutoffs: dict[str, Share] = Field(default={}, description="For segment.")
    formats: TextList = Field(
        default=["overlay"], min_length=1, description="Names of GET /v1/formats."
    )
    name: str = Field(default="image", description="Of the files, without ending.")

    def question(self) -> AnyQuestion:
        """The question alone."""
        kinds: dict[str, type[AnyQuestion]] = {
            "segment": SegmentBody,
            "refer": ReferBody,
            "label": LabelBody,
        }
        kind = kinds[self.verb]
        return kind.model_validate(self.model_dump(include=set(kind.model_fields)))


AnyQuestion: TypeAlias = SegmentBody | ReferBody | LabelBody
BodyT = TypeVar("BodyT", bound=PictureBody)
BodyT_co = TypeVar("BodyT_co", bound=PictureBody, covariant=True)


@dataclass(frozen=True)
class Inquiry(Generic[BodyT_co]):
    """A body, and the picture's file if one came with it."""

    body: BodyT_co
    file: bytes | None


def asked(kind: type[BodyT]) -> Callable[[Request], Awaitable[Inquiry[BodyT]]]:
    """What reads requests of a kind.

    Args:
        kind: of body.

    Returns:
        A function of the request.

    Raises:
        RefusedError: by the function; the request is neither JSON nor a form, or does not fit.
    """

    async def read(request: Request) -> Inquiry[BodyT]:
        content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type in (FORM, PLAIN_FORM):
            fields, file = await _read_form(request, content_type)
            body = validated(kind, fields)
        elif content_type == JSON:
            body, file = validated(kind, await request.body()), None
        else:
            raise unfit(f"The request is {content_type or 'of no type'}; send {JSON} or {FORM}.")
        if file is None and body.image is not None:
            file = decoded(body.image)
        if (file is None) == (body.image_id is None):
            raise unfit("A question is about one picture: send either image or image_id.")
        return Inquiry(body, file)

    return read


ModelT = TypeVar("ModelT", bound=BaseModel)


def validated(kind: type[ModelT], given: bytes | dict[str, object]) -> ModelT:
    """A body of JSON or of the fields of a form.

    Raises:
        RefusedError: one sentence about the first field that does not fit.
    """
    try:
        if isinstance(given, bytes):
            return kind.model_validate_json(given)
        return kind.model_validate(given)
    except ValidationError as error:
        raise misfit(error.errors(include_url=False, include_context=False)) from error
    except LexisegError as error:
        raise unfit(in_one_line(error)) from error


def misfit(faults: Sequence[Mapping[str, object]]) -> RefusedError:
    """The refusal of a body, of what pydantic says of it."""
    path = faults[0]["loc"]
    where = ".".join(str(part) for part in path) if isinstance(path, tuple) else ""
    what = f"Field {where!r:.80} does not fit" if where else "The request does not fit"
    return unfit(in_one_line(f"{what}: {faults[0]['msg']}."))


def decoded(text: str) -> bytes:
    """The bytes of base64, with or without the beginning of a data URI.

    Raises:
        RefusedError: it is no base64.
    """
    plain = re.sub(r"^data:[^,]{0,200},", "", text)
    try:
        return base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError) as error:
        raise unfit(
            "Field 'image' is no base64; send the picture's file so, or as a form."
        ) from error


class _InMemoryParser(MultiPartParser):
    """Keeps files where they are: the body is in memory already, and no disk is touched."""

    spool_max_size = 2**40


async def _read_form(request: Request, content_type: str) -> tuple[dict[str, object], bytes | None]:
    if content_type == PLAIN_FORM:
        form = await FormParser(request.headers, request.stream()).parse()
    else:
        try:
            parser = _InMemoryParser(
                request.headers, request.stream(), max_files=1, max_part_size=2**20
            )
            form = await parser.parse()
        except (MultiPartException, KeyError, ValueError) as error:
            raise unfit(f"The form cannot be read ({in_one_line(error)[:120]}).") from error
    try:
        return await _fields(form)
    finally:
        await form.close()


async def _fields(form: FormData) -> tuple[dict[str, object], bytes | None]:
    """Values by field, and the file. A field that may hold many is a list."""
    fields: dict[str, object] = {}
    file = None
    for key in form:
        values = form.getlist(key)
        if key == "image" and isinstance(values[0], UploadFile):
            file = await values[0].read()
        elif any(isinstance(value, UploadFile) for value in values):
            raise unfit(f"Field {key!r:.80} is a file; only image is one.")
        else:
            fields[key] = _value(key, [str(value) for value in values])
    return fields, file


def _value(key: str, values: list[str]) -> object:
    if key == "texts":
        return values
    if key in _LISTS:
        return [name for value in values for name in split_comma_list(value)]
    if key == "cutoffs":
        return dict(_cutoff(value) for value in values)
    return values[-1]


def _cutoff(text: str) -> tuple[str, str]:
    """``dog:0.5`` as its two halves."""
    name, _, limit = text.rpartition(":")
    return name, limit
