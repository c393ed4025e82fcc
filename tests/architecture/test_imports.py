"""The import rules of .importlinter catch what they are for."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PLANTED = {
    "The published language knows nobody": ("libs/contracts/src/gerai/contracts/event.py", "import motor"),
    "Libraries know no service": (
        "libs/messaging/src/gerai/messaging/context.py",
        "import gerai.queue.settings",
    ),
    "Imports of the queue point inward": (
        "services/queue/src/gerai/queue/domain/planted.py",
        "import gerai.queue.use_cases.issue_ticket",
    ),
    "Imports of the registry point inward": (
        "services/registry/src/gerai/registry/domain/planted.py",
        "import gerai.registry.bootstrap",
    ),
    "What is true needs no infrastructure": (
        "services/queue/src/gerai/queue/domain/planted.py",
        "import gerai.messaging.mongo.driver",
    ),
    "What can be done does not know how it was asked": (
        "services/queue/src/gerai/queue/use_cases/planted.py",
        "import fastapi",
    ),
    "(exhaustive)": ("services/queue/src/gerai/queue/stray.py", "x = 1"),
}


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    sources = [str(path) for top in ("libs", "services") for path in sorted((tree / top).glob("*/src"))]
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        timeout=100,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for top in ("libs", "services"):
        for source in (ROOT / top).glob("*/src"):
            shutil.copytree(source, tmp_path / source.relative_to(ROOT))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_import_breaks(contract: str, tree: Path) -> None:
    place, text = PLANTED[contract]
    path = tree / place
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{before}" if "__future__" not in before else before, encoding="utf-8")
    result = lint(tree)
    assert result.returncode != 0, result.stdout
