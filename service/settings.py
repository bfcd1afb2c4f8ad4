"""ServiceSettings: how questions are answered and served. Each field can be set by AISLE_ and its name in capitals."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from indexer.settings import ImageSettings
from service.calibration.dial import Policy


class ServiceSettings(ImageSettings):
    """Thresholds of the answer and limits of the service, those of images among them, in this one place."""

    model_config = SettingsConfigDict(env_prefix="AISLE_", frozen=True, extra="ignore")

    index: Path = Field(Path("index/sample"), description="Folder of the index to answer from.")

    precision: float = Field(
        0.95, gt=0.5, lt=1, description="Share of the answers decided `auto` that must be right; a request may differ."
    )
    policy: Policy = Field(
        "auto", description="How far an answer goes: auto stops where it is sure, leaf names a leaf, coverage answers."
    )
    neighbours: int = Field(
        0, ge=0, le=1000, description="Labelled neighbours that vote (k); 0 takes what the calibration chose."
    )
    tag_threshold: float = Field(
        0, ge=0, le=1, description="Probability from which a tag is given; 0 takes what the calibration chose for each."
    )
    tag_support: int = Field(2, ge=1, description="Products that must carry a tag before it is given for neighbours.")
    tag_limit: int = Field(30, ge=0, le=200, description="Tags given at most.")
    duplicate_probability: float = Field(
        0.5, gt=0, le=1, description="Probability of being the same product from which a stored one is a duplicate."
    )
    shown: int = Field(10, ge=1, le=100, description="Neighbours shown in an answer.")
    alternatives: int = Field(5, ge=1, le=20, description="Alternative categories shown in an answer.")

    host: str = Field("127.0.0.1", description="Address to serve on.")
    access: Literal["auto", "keys", "open"] = Field(
        "auto",
        description="Who is let in: auto asks for a key on any address but this machine's own, keys always does.",
    )
    hosts: str = Field(
        "",
        description="Names, commas between them, that whoever shows no key may ask under besides addresses, localhost "
        "and names without a dot.",
    )
    key_rate: int = Field(
        6_000, ge=0, description="Requests a minute with one API key or account, where the key has no rate; 0 is any."
    )
    session_hours: float = Field(12, gt=0, le=8760, description="Hours for which somebody who signed in stays so.")
    port: int = Field(8000, ge=0, le=65535, description="Port to serve on; 0 takes a free one.")
    batch_items: int = Field(10_000, ge=1, le=100_000, description="Items in one batch request at most.")
    body_bytes: int = Field(64 * 1024 * 1024, ge=1024, description="Bytes in one request body at most.")
    queue_items: int = Field(
        4096, ge=1, description="Products waiting to be encoded at most; beyond, 503 with Retry-After."
    )
    encode_items: int = Field(64, ge=1, le=4096, description="Products encoded in one step at most.")
    follow_seconds: float = Field(
        0.1, gt=0, le=3600, description="Seconds between two looks for what other processes changed or published."
    )
    key_hours: float = Field(
        24, gt=0, le=8760, description="Hours for which the answer to a request with an Idempotency-Key is kept."
    )
    job_bytes: int = Field(
        2 * 1024**3, ge=1024, description="Bytes in one upload of a bulk job, its images among them, at most."
    )
    job_days: float = Field(7, gt=0, le=3650, description="Days for which a bulk job is kept after its end.")
    job_rows: int = Field(
        64, ge=1, le=4096, description="Rows of a bulk job that are answered and put on disk at a time, at most."
    )
    job_slots: int = Field(4, ge=1, le=64, description="Bulk jobs that take turns; others wait until one has ended.")
    reach_seconds: float = Field(
        5, ge=0, le=600, description="Seconds that a question waits for the changes up to its min_seq at most."
    )
    prediction_days: float = Field(
        90, ge=0, le=36_500, description="Days for which answers are kept; 0 keeps none, and forgets those there are."
    )
    prediction_products: bool = Field(
        default=True, description="Whether a product is kept with its answer, so that a decision can store it."
    )
    review_minutes: float = Field(
        10, gt=0, le=1440, description="Minutes for which nobody else is given a prediction that somebody looks at."
    )
    review_sample: float = Field(
        0.02, ge=0, le=1, description="Share of the `auto` answers that people look at, to know how many are right."
    )
    review_weigh: str | None = Field(
        None,
        max_length=200,
        description="What an answer in the review queue is worth where nobody says: the name of a fact or spec with a "
        "number, as price or worth; without one all are alike.",
    )
    upkeep: bool = Field(
        default=True, description="Whether groups of duplicates and suspected labels are kept current by the way."
    )
    upkeep_products: int = Field(
        20_000,
        ge=0,
        description="Products up to which the first pass over all of them is made without being asked for.",
    )
    rebuild_threads: int = Field(
        1, ge=1, le=256, description="Threads of a rebuild beside the service; its process gives way to every other."
    )
    rebuild_bytes: int = Field(
        0, ge=0, description="Bytes of memory that a rebuild may take at most; 0 is three quarters of the machine's."
    )
    rebuild_automatic: bool = Field(
        default=True, description="Whether the service has its index built anew when it measures that it needs to be."
    )
    rebuild_growth: float = Field(1.0, gt=0, description="Growth since the build that needs a rebuild; 1 is twofold.")
    rebuild_unseen: float = Field(
        0.1, gt=0, le=1, description="Share of labelled products in categories since the build that needs a rebuild."
    )
    rebuild_recall_slack: float = Field(
        0.02, ge=0, le=1, description="How far recall may fall under what the build reached before it needs a rebuild."
    )
    rebuild_imbalance: float = Field(4.0, ge=1, description="Imbalance of a vector index that needs a rebuild.")
    rebuild_least: int = Field(1000, ge=0, description="Changes since the build before it may be done again by itself.")
    rebuild_pause_minutes: float = Field(30, ge=0, description="Minutes between two rebuilds by itself at least.")
    needs_minutes: float = Field(10, gt=0, description="Minutes between two looks at what the index needs.")
    needs_writes: int = Field(10_000, ge=1, description="Changes after which there is a look before its time.")
