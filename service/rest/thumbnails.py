"""The routes of thumbnails: the small picture that is kept of each image, of products stored or asked about."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from service.rest.api import refusals
from service.rest.asking import serving_of
from service.rest.predictions import PredictionId
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

    def stored() -> bytes:
        found = serving_of(request).live.records.thumbnail(picture_hash)
        if found is None:
            raise PictureNotFound(f"no stored product has a picture {picture_hash}; products show the hashes of theirs")
        return found

    return _shown(request, picture_hash, stored)


@router.get(
    "/v1/predictions/{prediction_id}/pictures/{picture_hash}/thumbnail",
    response_class=Response,
    responses=refusals(404, 422) | _THUMBNAIL,
)
def prediction_thumbnail(request: Request, prediction_id: PredictionId, picture_hash: PictureHash) -> Response:
    """Return the thumbnail of a picture of a product that was asked about, whether or not it is stored by now."""

    def kept() -> bytes:
        product = serving_of(request).predictions.find(prediction_id).prediction.product or {}
        for picture in product.get("pictures", ()):
            if picture["hash"] == picture_hash:
                return b64decode(picture["thumbnail"])
        raise PictureNotFound(f"prediction {prediction_id} has no picture {picture_hash}; its `product` shows its own")

    return _shown(request, picture_hash, kept)


def _shown(request: Request, picture_hash: str, load: Callable[[], bytes]) -> Response:
    """Return a thumbnail, or that the client has it."""
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "ETag": f'"{picture_hash}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(load(), media_type=MEDIA_TYPE, headers=headers)
