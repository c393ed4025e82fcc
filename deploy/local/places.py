"""Where things lie. All that we write is below `.gerai` of the checkout, so that removing it removes everything."""

import os
import shutil
from pathlib import Path

from local.failure import UnableToStart

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".gerai"
CACHE = STATE / "cache"
"""Downloads; shared by `make up` and all test runs."""


def data_dir(profile: str) -> Path:
    """The data of one profile; `GERAI_DATA_DIR` moves them all elsewhere."""
    base = os.environ.get("GERAI_DATA_DIR")
    return (Path(base).expanduser().resolve() if base else STATE) / profile


def require_space(directory: Path, megabytes: int, what_for: str) -> None:
    """Refuse early: MongoDB and Kafka die in unhelpful ways on a full disk."""
    directory.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free // 1_000_000
    if free < megabytes:
        raise UnableToStart(
            f"The disk that holds {directory} has {free} MB free, but {what_for} needs {megabytes} MB: "
            f"free some space, or set GERAI_DATA_DIR to a folder on another disk."
        )
