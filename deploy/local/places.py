"""Where things lie. All that we write is below `.gerai` of the checkout, so that removing it removes everything."""

import os
import shutil
import stat
from pathlib import Path

from local.failure import UnableToStart

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".gerai"
CACHE = STATE / "cache"
"""Downloads; shared by `make up` and all test runs."""
_OWNER_ONLY = 0o700


def data_dir(profile: str) -> Path:
    """The data of one profile; `GERAI_DATA_DIR` moves them all elsewhere."""
    base = os.environ.get("GERAI_DATA_DIR")
    return (Path(base).expanduser().resolve() if base else STATE) / profile


def private_directory(directory: Path) -> None:
    """Make the directory where it is missing, and see that nobody else reads what is in it, now or from earlier.

    Signing keys, tickets and logs lie there. Links are left alone: what they lead to may not be ours.
    """
    for place in reversed([directory, *directory.parents]):
        if not place.exists():
            place.mkdir(mode=_OWNER_ONLY, exist_ok=True)
    try:
        _close_to_others(directory)
        for folder, names, files in os.walk(directory):
            for name in (*names, *files):
                _close_to_others(Path(folder, name))
    except PermissionError as error:
        raise UnableToStart(
            f"{error.filename} belongs to somebody else: choose a folder of your own with GERAI_DATA_DIR."
        ) from error


def _close_to_others(path: Path) -> None:
    if path.is_symlink():
        return
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & ~_OWNER_ONLY:
            path.chmod(mode & _OWNER_ONLY)
    except FileNotFoundError:
        return  # a program that ends removes its files


def private_file(path: Path) -> Path:
    """The same path; where there is no file yet, one is made that nobody else can read from its first moment on."""
    path.touch(mode=0o600)
    return path


def require_space(directory: Path, megabytes: int, what_for: str) -> None:
    """Refuse early: MongoDB and Kafka die in unhelpful ways on a full disk."""
    directory.mkdir(mode=_OWNER_ONLY, parents=True, exist_ok=True)
    free = shutil.disk_usage(directory).free // 1_000_000
    if free < megabytes:
        raise UnableToStart(
            f"The disk that holds {directory} has {free} MB free, but {what_for} needs {megabytes} MB: "
            f"free some space, or set GERAI_DATA_DIR to a folder on another disk."
        )
