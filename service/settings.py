"""ServiceSettings: how questions are answered and served. Each field can be set by AISLE_ and its name in capitals."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServiceSettings(BaseSettings):
    """Thresholds of the answer and limits of the service, in this one place."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    index: Path = Field(Path("index/sample"), description="Folder of the index to answer from.")

    neighbours: int = Field(20, ge=1, le=1000, description="Labelled neighbours that vote (k).")
    temperature: float = Field(
        0.04, gt=0, le=1, description="Softmax temperature of the vote; lower trusts the nearest."
    )
    auto: float = Field(
        0.9, gt=0.5, le=1, description="Share of the vote from which a category is sure enough to apply."
    )
    suggest: float = Field(0.51, gt=0.5, le=1, description="Share of the vote from which a category is suggested.")
    similarity_floor: float = Field(0.2, ge=-1, le=1, description="Abstain when no neighbour is at least this similar.")
    tag_threshold: float = Field(0.35, gt=0, le=1, description="Share of the vote from which a tag is given.")
    tag_limit: int = Field(10, ge=0, le=100, description="Tags given at most.")
    duplicate_similarity: float = Field(
        0.95, gt=0, le=1, description="Similarity from which a neighbour is a duplicate."
    )
    shown: int = Field(10, ge=1, le=100, description="Neighbours shown in an answer.")
    alternatives: int = Field(5, ge=1, le=20, description="Alternative categories shown in an answer.")

    host: str = Field("127.0.0.1", description="Address to serve on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to serve on; 0 takes a free one.")
    batch_items: int = Field(1000, ge=1, le=100_000, description="Items in one batch request at most.")
    body_bytes: int = Field(16 * 1024 * 1024, ge=1024, description="Bytes in one request body at most.")
    queue_items: int = Field(
        4096, ge=1, description="Products waiting to be encoded at most; beyond, 503 with Retry-After."
    )
    encode_items: int = Field(64, ge=1, le=4096, description="Products encoded in one step at most.")
