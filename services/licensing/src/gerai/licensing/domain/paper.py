"""Papers of an application, by reference: the bytes lie elsewhere."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Scan(StrEnum):
    """What the search for malware said."""

    NOT_SCANNED = "not_scanned"
    CLEAN = "clean"
    INFECTED = "infected"


class Paper(BaseModel):
    """One file. It is never changed, only followed by a newer one of its kind."""

    model_config = ConfigDict(frozen=True)

    kind: str
    paper_id: str
    media_type: str
    """By its content, not by its name."""
    bytes: int
    sha256: str
    added_at: datetime
    scan: Scan = Scan.NOT_SCANNED
