"""The key-encryption key of the services on this machine, as a deployment would mount it."""

import base64
import os
from pathlib import Path

from local.places import private_directory, private_file

FIRST = "2026-01-01"
"""A key's id is the day from which it wraps; further ones may be laid beside it."""


def encryption_keys(directory: Path) -> Path:
    """The directory of keys, with one in it. It goes with the data that need it."""
    keys = directory / "encryption-keys"
    private_directory(keys)
    first = keys / FIRST
    if not first.exists():
        private_file(first).write_bytes(base64.b64encode(os.urandom(32)))
    return keys
