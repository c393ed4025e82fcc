"""The services on this machine have a key-encryption key, which is nobody else's and stays."""

import stat
from pathlib import Path

from gerai.chassis.wrapping_keys import MountedKeys
from local.encryption_keys import encryption_keys


def test_the_key_is_usable_stays_and_is_closed_to_others(tmp_path: Path) -> None:
    directory = encryption_keys(tmp_path)
    first = MountedKeys(directory).newest()
    assert MountedKeys(encryption_keys(tmp_path)).newest() == first
    for path in (directory, *directory.iterdir()):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
