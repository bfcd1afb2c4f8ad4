"""A form (`multipart/form-data`) read within its limits, as the document that the same product would be in JSON.

Everything stays in memory: the whole is held to AISLE_BODY_BYTES and each file to AISLE_IMAGE_BYTES while it arrives,
and nothing is written to disk.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncGenerator
from typing import Any

import orjson
from pydantic import BaseModel
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from indexer.product import IMAGE_COUNT
from service.rest.images import ImageBody
from service.rest.problems import ImageTooLarge, InvalidField, MalformedForm, TooManyItems

PARTS = 500
"""Fields and files of one form at most."""

WHOLE = "product"
"""The field that may hold a whole product in JSON, beside files."""

IMAGES = ("image", "images")
NUMBERS = ("weight", "limit")
OBJECTS = ("vectors", "facts")

CHARSETS = ("utf-8", "utf8", "us-ascii")
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^\s;"']*)""", re.IGNORECASE)


async def read_form(headers: Headers, body: AsyncGenerator[bytes, None], image_bytes: int) -> dict[str, Any]:
    """Return the document that a form stands for; `body` yields it piece by piece.

    Raises MalformedForm, InvalidField, TooManyItems, ImageTooLarge, and whatever `body` raises.
    """
    form = await parsed(_Parser(headers, body, image_bytes), headers)
    try:
        return _document(form)
    finally:
        await form.close()


async def parsed(parser: WholeParser, headers: Headers) -> FormData:
    """Return the form that a parser reads, open; raises MalformedForm, and what the parser and its body raise."""
    charset = _CHARSET.search(headers.get("content-type", ""))
    if charset and charset[1].lower() not in CHARSETS:  # any codec otherwise, those that take for ever among them
        raise MalformedForm(f"the form is in {charset[1][:40]!r}; write it in UTF-8")
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise MalformedForm(f"the form cannot be read: {error.message}") from error
    if not parser.whole:
        await form.close()
        raise MalformedForm("the form is cut off before its closing boundary; send it whole")
    return form


def form_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return how OpenAPI describes the form that is read as `model`."""
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    files = {"type": "array", "items": file, "maxItems": IMAGE_COUNT, "description": "Files, the main image first."}
    changed = {
        "specs": {
            "type": "string",
            "description": "One `name: value` a line, or JSON; lines may be fields of their own.",
        },
        **dict.fromkeys(IMAGES, files),
        WHOLE: {**reference, "description": "All of it in JSON, instead of fields of their own."},
    }
    return {
        "type": "object",
        "title": f"{model.__name__} as a form",
        "description": "Fields as in JSON: `vectors` and `facts` are JSON, `tags` may be given several times; an empty "
        "one is none.",
        "properties": model.model_json_schema()["properties"] | changed,
        "additionalProperties": False,
    }


class WholeParser(MultiPartParser):
    """Starlette's reader of forms, which knows whether it came to the end of one."""

    whole = False

    def on_end(self) -> None:
        """Note the end."""
        self.whole = True


class _Parser(WholeParser):
    """Starlette's reader of forms, with limits on files and parts instead of its own, and without a disk."""

    spool_max_size = 0  # of a SpooledTemporaryFile: never roll over to a real one

    def __init__(self, headers: Headers, stream: AsyncGenerator[bytes, None], image_bytes: int) -> None:
        super().__init__(headers, stream, max_files=math.inf, max_fields=math.inf, max_part_size=2**62)
        self._image_bytes = image_bytes
        self._parts = self._size = 0

    def on_part_begin(self) -> None:
        super().on_part_begin()
        self._size = 0
        self._parts += 1
        if self._parts > PARTS:
            raise TooManyItems(f"the form has more than {PARTS:,} fields and files; send fewer")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        part = self._current_part
        if part.file is not None and self._size > self._image_bytes:
            raise too_large(part.file.filename or "", self._image_bytes, f"/{part.field_name}")
        super().on_part_data(data, start, end)


def too_large(name: str, limit: int, pointer: str) -> ImageTooLarge:
    """Return the refusal of an image with more bytes than `limit`."""
    which = f"the image {name[:80]!r}" if name else "an image"
    return ImageTooLarge(f"{which} has more than {limit:,} bytes; make it smaller or raise AISLE_IMAGE_BYTES", pointer)


def _document(form: FormData) -> dict[str, Any]:
    """Return the document: what `product` holds, then every other field; one left empty is one left out."""
    filled = [(name, value) for name, value in form.multi_items() if not _empty(value)]
    document = _whole([value for name, value in filled if name == WHOLE])
    if images := [value for name, value in filled if name in IMAGES]:
        _add_images(document, images)
    for name in dict.fromkeys(name for name, _ in filled if name not in (WHOLE, *IMAGES)):
        if name in document:
            raise InvalidField(f"it is in the field {WHOLE!r} and in one of its own; give it once", f"/{name}")
        document[name] = _value(name, [value for other, value in filled if other == name])
    return document


def _whole(given: list[UploadFile | str]) -> dict[str, Any]:
    if not given:
        return {}
    text = given[0].file.read() if isinstance(given[0], UploadFile) else given[0]
    try:
        document = orjson.loads(text) if len(given) == 1 else None
    except orjson.JSONDecodeError as error:
        raise InvalidField(f"it cannot be read as JSON: {error}", f"/{WHOLE}") from error
    if not isinstance(document, dict):
        raise InvalidField("it holds no product; give one JSON object", f"/{WHOLE}")
    return document


def _empty(value: UploadFile | str) -> bool:
    """Whether a browser sent this for a field that nobody filled in."""
    return not (value.filename or value.size) if isinstance(value, UploadFile) else not value


def _add_images(document: dict[str, Any], given: list[UploadFile | str]) -> None:
    """Put files and references behind the images that are there; what is no list there is refused later."""
    before = document.get("images")
    if before is None or isinstance(before, list):
        document["images"] = [*(before or ()), *map(_image, given)]


def _image(given: UploadFile | str) -> ImageBody | str:
    return given if isinstance(given, str) else ImageBody.of_file(given.filename or "", given.file.read())


def _value(name: str, given: list[UploadFile | str]) -> object:
    """Return what a field would be in JSON, or what was given where it would be nothing."""
    texts = [value for value in given if isinstance(value, str)]
    if len(texts) < len(given):
        raise InvalidField(f"it is a file; files belong into {IMAGES[0]!r}", f"/{name}")
    if name == "specs":
        return "\n".join(texts)
    if name == "tags":
        return _json(texts[0]) if len(texts) == 1 and texts[0].lstrip().startswith("[") else texts
    if len(texts) > 1:
        raise InvalidField(f"it is given {len(texts)} times; give it once", f"/{name}")
    return _json(texts[0]) if name in (*NUMBERS, *OBJECTS) else texts[0]


def _json(text: str) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text  # which the field is refused for, with a pointer
