"""The route of thumbnails: the small picture that is kept of each image of a stored product."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from service.rest.api import refusals
from service.rest.asking import serving_of
from service.rest.problems import PictureNotFound

MEDIA_TYPE = "image/jpeg"

router = APIRouter()

PictureHash = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="Of the image's bytes, as products show it.")]

_THUMBNAIL: dict[int | str, dict[str, Any]] = {
    200: {"description": "A JPEG of at most 192 pixels a side.", "content": {MEDIA_TYPE: {}}},
    304: {"description": "The client has it already, as its If-None-Match says."},
}


@router.get(
    "/v1/pictures/{picture_hash}/thumbnail",
    response_class=Response,
    responses=refusals(404, 422) | _THUMBNAIL,
)
def thumbnail(request: Request, picture_hash: PictureHash) -> Response:
    """Return the thumbnail of a picture. It never changes, so it may be kept for good."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{picture_hash}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    found = serving_of(request).live.records.thumbnail(picture_hash)
    if found is None:
        raise PictureNotFound(f"no stored product has a picture {picture_hash}; products show the hashes of theirs")
    return Response(found, media_type=MEDIA_TYPE, headers=headers)
