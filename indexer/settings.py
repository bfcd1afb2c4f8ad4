"""How an index is built, and where aisle keeps what it can make again.

Each field can be set by an environment variable with the prefix AISLE_.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Kind = Literal["auto", "exact", "flat", "ivf", "ivf_sq8", "ivf_pq", "hnsw"]


class IndexSettings(BaseSettings):
    """Choices of one build; what was chosen is kept in the snapshot's manifest."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    encoder: str = Field(
        default="auto",
        description='Encoder as "technology" or "technology:model", several joined by "+"; auto is the best there is.',
    )
    kind: Kind = Field(
        default="auto", description="Kind of vector index; auto is exact for small indexes and IVF beyond."
    )
    recall_target: float = Field(
        default=0.95, gt=0, le=1, description="Share of true neighbours an approximate kind must find."
    )
    space: Literal["learnt", "raw"] = Field(
        default="learnt", description="Space to search in: learnt from the labels, or the encoder's own."
    )
    dim: int = Field(default=256, ge=2, le=4096, description="Dimensions of the learnt space at most.")
    seed: int = Field(default=0, ge=0, description="Seed of every random choice of a build (training sample, probes).")


class StoreSettings(BaseSettings):
    """Where products, labels and raw vectors are kept."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    store: str = Field(
        default="",
        description="SQLAlchemy URL of the record store of an index whose folder has none, as in "
        "postgresql+psycopg://name@host/database; empty keeps it in the folder, in SQLite.",
    )


class CacheSettings(BaseSettings):
    """The one place outside an index where aisle writes."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    cache: Path = Field(
        default=Path("~/.cache/aisle"), description="Folder of what can be made again, such as distilled models."
    )


class ImageSettings(BaseSettings):
    """Which pictures are looked at, and the limits of each; what is over a limit costs its product that picture."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    image_bytes: int = Field(default=20_000_000, ge=1_000, le=2**30, description="Bytes of one image file at most.")
    image_pixels: int = Field(
        default=64_000_000, ge=1_000, le=89_000_000, description="Pixels of one image, width times height, at most."
    )
    image_count: int = Field(default=8, ge=1, le=50, description="Images of one product that are looked at, at most.")
    fetch_images: bool = Field(default=False, description="Whether images that are named by a URL are fetched.")
    fetch_seconds: float = Field(
        default=10, gt=0, le=600, description="Seconds that fetching one image may take, redirects included."
    )
    fetch_redirects: int = Field(default=3, ge=0, le=20, description="Redirects that are followed for one image.")
