"""Which processes are ours: written down, so that the next run can end what a crash left behind."""

import fcntl
import json
import os
import shutil
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from local.failure import UnableToStart
from local.places import private_directory, private_file

_GONE_WITHIN_SECONDS = 10.0
_NEW_SECONDS = 60.0
_LOCK = "supervisor.lock"
_PROCESSES = "processes.json"
_OURS = (_LOCK, _PROCESSES, "platform.json")
"""A data directory has at least the first of these from its first moment on."""


@dataclass(frozen=True)
class Identity:
    """A process that can't be mistaken for a later one with the same number."""

    name: str
    pid: int
    started: str
    """Boot id and start time in clock ticks since boot."""

    @classmethod
    def of(cls, name: str, pid: int) -> "Identity | None":
        """None where no such process runs."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The command in parentheses may hold spaces: count the fields after it.
        fields = stat.rpartition(")")[2].split()
        if fields[0] == "Z":
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(name=name, pid=pid, started=f"{boot}/{fields[19]}")

    def runs(self) -> bool:
        return Identity.of(self.name, self.pid) == self


class Ledger:
    """The list of the running processes of one data directory, which one supervisor at a time may use."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / _PROCESSES
        self._running: dict[str, Identity] = {}
        self._lock: IO[str] | None = None

    def open(self) -> None:
        """Take the directory, and end what an earlier run of ours left running in it."""
        private_directory(self._directory)
        lock = private_file(self._directory / _LOCK).open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise UnableToStart(
                f"The platform already runs on {self._directory} (process {owner}): stop that one first."
            ) from error
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock
        self._end_leftovers()

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def add(self, name: str, pid: int) -> None:
        identity = Identity.of(name, pid)
        if identity is not None:
            self._running[name] = identity
            self._write()

    def remove(self, name: str) -> None:
        """Forget it. The file is left as it is: a process that is gone is recognised, and a disk may be full."""
        self._running.pop(name, None)

    def _write(self) -> None:
        draft = self._file.with_suffix(".draft")
        private_file(draft).write_text(json.dumps([asdict(identity) for identity in self._running.values()]))
        draft.replace(self._file)

    def _end_leftovers(self) -> None:
        if not self._file.exists():
            return
        try:
            rows = json.loads(self._file.read_text() or "[]")
        except json.JSONDecodeError:  # a crash of the machine while it was written: then nothing runs either
            rows = []
        left = [identity for row in rows if (identity := Identity(**row)).runs()]
        for identity in left:
            print(
                f"{identity.name} (process {identity.pid}) is left from an earlier run: ending it", flush=True
            )
            os.kill(identity.pid, signal.SIGKILL)
        deadline = time.monotonic() + _GONE_WITHIN_SECONDS
        while any(identity.runs() for identity in left):
            if time.monotonic() > deadline:
                names = ", ".join(f"{identity.name} ({identity.pid})" for identity in left if identity.runs())
                raise UnableToStart(f"Processes of an earlier run don't end: {names}.")
            time.sleep(0.05)  # they are not our children: no system call waits for them on every system
        self._file.unlink()


def remove_abandoned(parent: Path) -> None:
    """Remove the data directories below `parent` that no supervisor uses any more, unless they are quite new: another
    run may just have made one, and be about to take it."""
    for directory in parent.iterdir() if parent.exists() else ():
        with suppress(UnableToStart, FileNotFoundError):  # in use by another run, or removed by it
            if directory.is_dir() and time.time() - directory.stat().st_mtime > _NEW_SECONDS:
                wipe(directory)


def wipe(directory: Path) -> None:
    """Remove a data directory.

    Raises:
        UnableToStart: A supervisor uses it, or what is in it doesn't come from us.
    """
    if not _is_ours(directory):
        raise UnableToStart(
            f"{directory} would be emptied, but what is in it doesn't come from this platform: move that folder away, "
            f"or choose another with GERAI_DATA_DIR."
        )
    ledger = Ledger(directory)
    ledger.open()
    try:
        shutil.rmtree(directory)
    finally:
        ledger.close()


def _is_ours(directory: Path) -> bool:
    """Whether nothing is lost to anybody when it is removed."""
    if not directory.exists():
        return True
    return any((directory / mark).is_file() for mark in _OURS) or not any(directory.iterdir())
