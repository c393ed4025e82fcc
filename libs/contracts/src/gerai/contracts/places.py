"""Where the generated files and the samples lie in a checkout."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """All under one root, so that a test can use a root of its own."""

    root: Path

    @property
    def schemas(self) -> Path:
        return self.root / "libs/contracts/schemas"

    @property
    def samples(self) -> Path:
        return self.root / "libs/contracts/samples"

    @property
    def documents(self) -> Path:
        return self.root / "docs/events"


def repository() -> Path:
    """The checkout that this package is used from. Raises NotADirectoryError in an installed copy."""
    root = Path(__file__).resolve().parents[5]
    if not Places(root).samples.is_dir():
        raise NotADirectoryError("The contracts are not in a checkout: there are no samples beside them.")
    return root
