"""The images and vectors of a product as they are asked: bytes in base64, a file of a form, or only a reference."""

from __future__ import annotations

import binascii
import re
from typing import Annotated, Any

import numpy as np
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

ID_PATTERN = r"^[^\x00-\x1F\x7F-\x9F]+$"
"""No control characters."""

REFERENCE_CHARS = 2_048
"""Characters in the name of an image or in the reference to one at most."""

DIMENSIONS = 16_384
"""Numbers in one vector at most."""

VISIBLE = r"^[^\x00-\x1F\x7F-\x9F]*$"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_DATA_URL = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)


def read_base64(given: object) -> bytes:
    """Return the bytes that base64 stands for; line breaks and the beginning of a `data:` URL do no harm."""
    if isinstance(given, bytes):  # as validated before; JSON has none
        return given
    if not isinstance(given, str):
        raise ValueError("give the bytes of the image as text in base64")
    begun = _DATA_URL.match(given)
    text = given[begun.end() :] if begun else given
    try:
        data = binascii.a2b_base64("".join(text.split()).encode("ascii"), strict_mode=True)
    except ValueError as error:  # of base64, or of a letter that ASCII lacks
        raise ValueError("this is no base64; encode the bytes of the file with + and / and = at the end") from error
    if not data:
        raise ValueError("this is empty; give the bytes of the image in base64")
    return data


def check_vector(given: list[float]) -> list[float]:
    """Return a vector all of whose numbers are numbers in single precision too."""
    with np.errstate(over="ignore"):
        if not np.isfinite(np.array(given, np.float32)).all():
            raise ValueError("a number is too large; give finite numbers of single precision")
    return given


class Body(BaseModel):
    """What is asked: strictly of its form, and nothing that is not known."""

    model_config = ConfigDict(extra="forbid", strict=True)


_REFERENCE = {
    "type": "string",
    "minLength": 1,
    "maxLength": REFERENCE_CHARS,
    "pattern": ID_PATTERN,
    "description": "A URL, kept as it is. It is fetched only where the service has AISLE_FETCH_IMAGES on.",
}


class ImageBody(Body):
    """One image: the bytes of its file and what to call it, or only a URL."""

    data: Annotated[
        bytes | None,  # none of an image that was only referred to
        BeforeValidator(read_base64),
        WithJsonSchema({"type": "string", "minLength": 4, "description": "The bytes in base64, or a `data:` URL."}),
    ]
    name: str = Field("", max_length=REFERENCE_CHARS, pattern=VISIBLE, description="Such as the name of its file.")

    @model_validator(mode="wrap")
    @classmethod
    def _reference(cls, given: Any, checked: ModelWrapValidatorHandler[ImageBody]) -> ImageBody:  # noqa: ANN401 - not yet checked
        """Take text for a reference to an image."""
        if not isinstance(given, str | dict | cls):
            raise ValueError("give an object with the bytes in base64 as `data`, or a URL as text")
        if not isinstance(given, str):
            return checked(given)
        if not 0 < len(given) <= REFERENCE_CHARS or _CONTROL.search(given):
            raise ValueError(f"give a URL of 1 to {REFERENCE_CHARS:,} characters, none of them a control character")
        return cls.model_construct(data=None, name=given)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: GetJsonSchemaHandler) -> JsonSchemaValue:  # noqa: ANN401 - pydantic's own
        """Describe the text beside the object."""
        described = handler.resolve_ref_schema(handler(schema))
        own = {name: described[name] for name in ("type", "properties", "required", "additionalProperties")}
        return {"title": described["title"], "description": described["description"], "anyOf": [own, _REFERENCE]}

    @classmethod
    def of_file(cls, filename: str, data: bytes) -> ImageBody:
        """Return an image that came as a file; of its name the folders are left out."""
        unquoted = filename.replace("%22", '"')  # as clients write the one character that they cannot (WHATWG)
        name = _CONTROL.sub("", re.split(r"[/\\]", unquoted)[-1])[:REFERENCE_CHARS]
        return cls.model_construct(data=data, name=name)


PartName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,31}$")]
Vector = Annotated[list[float], Field(min_length=1, max_length=DIMENSIONS), AfterValidator(check_vector)]
