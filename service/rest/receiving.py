"""Uploads of bulk jobs: a form with a file that may be large, streamed to disk within its limit, and some fields."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from service.rest.asking import settings_of
from service.rest.bodies import FORM, check_media_type, pieces
from service.rest.forms import WholeParser, parsed
from service.rest.images import Body
from service.rest.problems import InvalidField

FIELDS = ("kind", "format", "profile", "precision", "policy")
FILES = ("file", "images")
FIELD_BYTES = 100_000
NAME_CHARS = 255
_FILES = {
    "file": {"type": "string", "contentMediaType": "application/octet-stream"},
    "images": {"type": "string", "contentMediaType": "application/octet-stream", "description": "A zip of images."},
}


@dataclass(frozen=True, slots=True)
class Upload:
    """What came: the form, still open, its fields as JSON has them, and the name of the file."""

    form: FormData
    fields: dict[str, Any]
    name: str

    @property
    def file(self) -> UploadFile:
        """The table."""
        found = self.form["file"]
        if not isinstance(found, UploadFile):
            raise TypeError("checked when it was received")
        return found

    @property
    def images(self) -> UploadFile | None:
        """The zip of images, None without one."""
        found = self.form.get("images")
        return found if isinstance(found, UploadFile) and (found.filename or found.size) else None

    async def close(self) -> None:
        """Let go of what was received."""
        await self.form.close()


async def receive(request: Request) -> Upload:
    """Return the form of a request; raises WrongMediaType, MalformedForm, BodyTooLarge and InvalidField."""
    check_media_type(request, (FORM,))
    body = pieces(request, settings_of(request).job_bytes, "AISLE_JOB_BYTES", "upload")
    parser = WholeParser(request.headers, body, max_files=len(FILES), max_fields=len(FIELDS), max_part_size=FIELD_BYTES)
    form = await parsed(parser, request.headers)
    try:
        return _checked(form)
    except BaseException:
        await form.close()
        raise


def upload_form(model: type[Body]) -> dict[str, Any]:
    """Return what says in OpenAPI that a route takes a file and the fields of a model."""
    own = TypeAdapter(model).json_schema()
    schema = {
        "type": "object",
        "title": f"{model.__name__} with a file",
        "description": "`profile` is JSON; an empty field is none.",
        "properties": own["properties"] | _FILES,
        "required": [*own.get("required", []), "file"],
        "additionalProperties": False,
    }
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


def save(upload: UploadFile, place: Path) -> None:
    """Put an upload on disk, and wait until it is there."""
    upload.file.seek(0)
    with place.open("wb") as file:
        shutil.copyfileobj(upload.file, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())


async def fingerprint(upload: Upload) -> dict[str, Any]:
    """Return what tells an upload from another one: its fields, and the hash of each file."""

    def hashed(file: UploadFile | None) -> str:
        if file is None:
            return ""
        file.file.seek(0)
        return hashlib.file_digest(file.file, "sha256").hexdigest()  # type: ignore[arg-type]  # a spooled file is one

    files = [await run_in_threadpool(hashed, each) for each in (upload.file, upload.images)]
    return {"fields": upload.fields, "name": upload.name, "files": files}


def _checked(form: FormData) -> Upload:
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in FILES:
            if not isinstance(value, UploadFile) and value:
                raise InvalidField("it is no file; send it with its name", f"/{name}")
            continue
        if name not in FIELDS:
            raise InvalidField(f"this field is not known here; there are {', '.join((*FILES, *FIELDS))}", f"/{name}")
        if isinstance(value, UploadFile) or name in fields:
            raise InvalidField("give it once, as text", f"/{name}")
        if value:
            fields[name] = _json(name, value) if name in {"profile", "precision"} else value
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise InvalidField("no file came along; send the table in this field, with its name", "/file")
    name = "".join(each for each in Path((file.filename or "").replace("\\", "/")).name if each.isprintable())
    return Upload(form, fields, name[:NAME_CHARS] or "upload")


def _json(name: str, text: str) -> Any:  # noqa: ANN401 - JSON is anything until it is checked
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidField(f"it cannot be read as JSON: {error}", f"/{name}") from error


def scratch() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for a file that is looked at and thrown away."""
    return tempfile.TemporaryDirectory(prefix="aisle-preview-")
