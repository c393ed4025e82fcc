"""One run at a time: a file lock that is waited for, but not for ever.

Nothing but the standard library: the installation uses it before anything is installed.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK_AGAIN_SECONDS = 0.2


@contextmanager
def turn(lock: Path, *, seconds: float, otherwise: Exception) -> Iterator[None]:
    """Hold the file `lock` while the block runs; it is made where it is missing, with its directory.

    The system lets go of it when its holder ends, however that ends.

    Raises:
        otherwise: Another holder has not let go of it within `seconds`.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + seconds
    with lock.open("w") as file:
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                raise otherwise
            time.sleep(_LOOK_AGAIN_SECONDS)  # flock waits for ever or not at all
        yield


def _taken(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
