"""The import rules of .importlinter catch what they are for: each is broken by what is planted against it."""

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

LANGUAGE = "The published language knows nobody: contracts import no other part and no infrastructure"
LIBRARIES = "Libraries know no service, and messaging does not know the chassis"
QUEUE = "Imports of the queue point inward: bootstrap, entrypoints, adapters, use cases, domain"
REGISTRY = "Imports of the registry point inward: bootstrap, entrypoints, adapters, use cases, domain"
DOMAIN = (
    "What is true needs no infrastructure: domains import no driver, no web, no log and no messaging adapter"
)
DRIVER = "One module knows the MongoDB driver: nobody else imports motor"
USE_CASES = "What can be done does not know how it was asked: use cases import no web, no driver, no Kafka"

PLANTED = {
    "contracts → a driver": (LANGUAGE, "libs/contracts/src/gerai/contracts/planted.py", "import motor"),
    "contracts → messaging": (
        LANGUAGE,
        "libs/contracts/src/gerai/contracts/planted.py",
        "import gerai.messaging.context",
    ),
    "a library → a service": (
        LIBRARIES,
        "libs/messaging/src/gerai/messaging/planted.py",
        "import gerai.queue.settings",
    ),
    "messaging → chassis": (
        LIBRARIES,
        "libs/messaging/src/gerai/messaging/planted.py",
        "import gerai.chassis.clock",
    ),
    "a service → another service": (
        LIBRARIES,
        "services/queue/src/gerai/queue/adapters/planted.py",
        "import gerai.registry.settings",
    ),
    "queue: domain → use cases": (
        QUEUE,
        "services/queue/src/gerai/queue/domain/planted.py",
        "import gerai.queue.use_cases.issue_ticket",
    ),
    "queue: a stray module": (QUEUE, "services/queue/src/gerai/queue/stray.py", "x = 1"),
    "registry: domain → bootstrap": (
        REGISTRY,
        "services/registry/src/gerai/registry/domain/planted.py",
        "import gerai.registry.bootstrap",
    ),
    "domain → MongoDB": (
        DOMAIN,
        "services/queue/src/gerai/queue/domain/planted.py",
        "import gerai.messaging.mongo.driver",
    ),
    "a service → the driver": (
        DRIVER,
        "services/registry/src/gerai/registry/adapters/planted.py",
        "import motor",
    ),
    "messaging beside driver.py → the driver": (
        DRIVER,
        "libs/messaging/src/gerai/messaging/mongo/planted.py",
        "from motor.motor_asyncio import AsyncIOMotorClient",
    ),
    "use cases → the web": (
        USE_CASES,
        "services/queue/src/gerai/queue/use_cases/planted.py",
        "import fastapi",
    ),
}


def lint(tree: Path) -> str:
    """What import-linter says, on one line: it breaks long names to the width of a terminal."""
    sources = [str(path) for top in ("libs", "services") for path in sorted((tree / top).glob("*/src"))]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout, done.stderr
    return " ".join(done.stdout.split())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for top in ("libs", "services"):
        for source in (ROOT / top).glob("*/src"):
            shutil.copytree(source, tmp_path / source.relative_to(ROOT))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_import_breaks_its_contract(planted: str, tree: Path) -> None:
    contract, place, text = PLANTED[planted]
    assert not (tree / place).exists()
    (tree / place).write_text(f"{text}\n", encoding="utf-8")
    said = lint(tree)
    assert f"{contract} BROKEN" in said, said


def test_without_a_planted_import_every_contract_is_kept(tree: Path) -> None:
    said = lint(tree)
    assert "0 broken" in said, said


def test_every_contract_has_something_planted_against_it() -> None:
    rules = ConfigParser()
    rules.read(ROOT / ".importlinter", encoding="utf-8")
    names = {rules[section]["name"] for section in rules.sections() if ":contract:" in section}
    assert names == {contract for contract, _, _ in PLANTED.values()}
