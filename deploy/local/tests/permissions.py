"""Who may read what the platform keeps."""

import stat
from pathlib import Path


def readable_by_others(directory: Path) -> list[str]:
    found = [directory, *directory.rglob("*")]
    return [
        str(path) for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()
    ]
