"""The key-encryption keys of a service, from a mounted directory.

Each file is a key: 32 random bytes in base64 (`openssl rand -base64 32`). Its name is its id and the UTC day from whose
beginning it wraps: `2026-12-01`. The newest whose day has begun wraps; all unwrap. So a new key can be mounted everywhere
before anybody uses it, and all processes begin in the same moment. The directory is read again while the process runs.
"""

import base64
import binascii
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import structlog

from gerai.messaging.sealing import KEY_BYTES, UnknownWrappingKey, WrappingKey

log = structlog.get_logger(__name__)

READ_AGAIN_S = 10.0


class UnusableKeys(Exception):
    """The directory of key-encryption keys cannot be used; the message is for the person who deploys."""


def _today() -> date:
    return datetime.now(UTC).date()


class MountedKeys:
    """Implements `WrappingKeys`."""

    def __init__(
        self,
        directory: Path,
        *,
        today: Callable[[], date] = _today,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises UnusableKeys."""
        self._directory = directory
        self._today = today
        self._monotonic = monotonic
        self._keys = self._read()
        self._read_at = monotonic()
        self.newest()

    def newest(self) -> WrappingKey:
        """Raises UnusableKeys where no key's day has begun."""
        self._keep_young()
        begun = [id for id in self._keys if id <= self._today().isoformat()]
        if not begun:
            raise UnusableKeys(f"{self._directory}: no key whose day has begun")
        return self._keys[max(begun)]

    def get(self, id: str) -> WrappingKey:
        if id not in self._keys:
            self._keep_young()
        try:
            return self._keys[id]
        except KeyError:
            raise UnknownWrappingKey(f"the key-encryption key {id} is not in {self._directory}") from None

    def _keep_young(self) -> None:
        if self._monotonic() - self._read_at < READ_AGAIN_S:
            return
        self._read_at = self._monotonic()
        try:
            self._keys = self._read()
        except UnusableKeys as error:  # what was read before still serves
            log.error("encryption-keys-unusable", why=str(error))

    def _read(self) -> dict[str, WrappingKey]:
        try:
            files = [path for path in self._directory.iterdir() if not path.name.startswith(".")]
            keys = {path.name: _key(path) for path in files}
        except OSError as error:
            raise UnusableKeys(f"{error.filename}: {error.strerror}") from error
        if not keys:
            raise UnusableKeys(f"{self._directory}: holds no key")
        return keys


def _key(path: Path) -> WrappingKey:
    try:
        if date.fromisoformat(path.name).isoformat() != path.name:
            raise ValueError
    except ValueError:
        raise UnusableKeys(
            f"{path}: a key is named after the day from which it wraps, as 2026-12-01"
        ) from None
    try:
        key = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
    except (binascii.Error, UnicodeDecodeError):
        raise UnusableKeys(f"{path}: not base64") from None
    if len(key) != KEY_BYTES:
        raise UnusableKeys(f"{path}: {len(key)} bytes, wanted {KEY_BYTES}")
    return WrappingKey(path.name, key)
