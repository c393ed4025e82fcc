"""The import rules of .importlinter catch what they are for: each is broken by what is planted against it."""

import os
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# a contract's sentence → the modules that break it: place and text, each alone
PLANTED = {
    "The published language knows nobody: contracts import no other part and no infrastructure": [
        ("libs/contracts/src/gerai/contracts/planted_driver.py", "import motor"),
        ("libs/contracts/src/gerai/contracts/planted_messaging.py", "import gerai.messaging.context"),
    ],
    "Libraries import downward: messaging does not know the chassis, nor does the register": [
        ("libs/register/src/gerai/register/planted_chassis.py", "import gerai.chassis.clock"),
        ("libs/chassis/src/gerai/chassis/planted_register.py", "import gerai.register.register"),
        ("libs/messaging/src/gerai/messaging/planted_chassis.py", "import gerai.chassis.clock"),
        ("libs/contracts/src/gerai/contracts/planted_library.py", "import gerai.messaging.context"),
    ],
    "Nobody imports a service: neither a library nor another service": [
        ("libs/messaging/src/gerai/messaging/planted_service.py", "import gerai.queue.settings"),
        ("libs/chassis/src/gerai/chassis/planted_example.py", "import gerai.hourly.service"),
        ("services/queue/src/gerai/queue/adapters/planted_neighbour.py", "import gerai.registry.settings"),
        ("services/hourly/src/gerai/hourly/planted_neighbour.py", "import gerai.newcomer.service"),
    ],
    "Imports of a service point inward: bootstrap, entrypoints, adapters, use cases, domain": [
        ("services/queue/src/gerai/queue/domain/planted.py", "import gerai.queue.use_cases.issue_ticket"),
        ("services/registry/src/gerai/registry/domain/planted.py", "import gerai.registry.bootstrap"),
        ("services/newcomer/src/gerai/newcomer/domain/planted.py", "import gerai.newcomer.entrypoints.http"),
    ],
    "The test kit is for tests: nothing that runs in production imports it": [
        ("services/hourly/src/gerai/hourly/planted_kit.py", "import gerai.chassis.testing"),
        ("libs/chassis/src/gerai/chassis/planted_kit.py", "import gerai.chassis.testing.contexts"),
        ("services/queue/src/gerai/queue/adapters/planted_kit.py", "import gerai.register.testing"),
    ],
    "What is true needs no infrastructure: domains import no driver, no web, no log and no messaging adapter": [
        ("services/queue/src/gerai/queue/domain/planted.py", "import gerai.messaging.mongo.driver"),
        ("services/queue/src/gerai/queue/domain/planted_replica.py", "import gerai.register.kept_entries"),
        ("services/registry/src/gerai/registry/domain/planted_web.py", "import fastapi"),
        ("services/registry/src/gerai/registry/domain/planted_driver.py", "import pymongo.errors"),
        ("services/newcomer/src/gerai/newcomer/domain/planted_log.py", "import structlog"),
    ],
    "One module knows the MongoDB driver: nobody else imports motor": [
        ("services/registry/src/gerai/registry/adapters/planted.py", "import motor"),
        ("services/hourly/src/gerai/hourly/planted_example.py", "import motor.motor_asyncio"),
        ("services/newcomer/src/gerai/newcomer/planted_driver.py", "import motor.motor_asyncio"),
        ("libs/messaging/src/gerai/messaging/mongo/planted_beside.py", "from motor import motor_asyncio"),
    ],
    "What can be done does not know how it was asked: use cases import no web, no driver, no Kafka": [
        ("services/queue/src/gerai/queue/use_cases/planted.py", "import fastapi"),
        ("services/registry/src/gerai/registry/use_cases/planted_kafka.py", "import aiokafka"),
        (
            "services/queue/src/gerai/queue/use_cases/planted_driver.py",
            "from pymongo import AsyncMongoClient",
        ),
        ("services/newcomer/src/gerai/newcomer/use_cases/planted_web.py", "import starlette.requests"),
    ],
    "The outside is asked by jobs alone: domains, use cases and entrypoints import no client of anything outside": [
        ("services/queue/src/gerai/queue/use_cases/planted_mail.py", "import smtplib"),
        ("services/queue/src/gerai/queue/entrypoints/planted_web.py", "import httpx"),
        ("services/registry/src/gerai/registry/use_cases/planted_shell.py", "import subprocess"),
        (
            "services/registry/src/gerai/registry/domain/planted_fetch.py",
            "from urllib.request import urlopen",
        ),
        ("services/newcomer/src/gerai/newcomer/entrypoints/planted_shell.py", "import subprocess"),
    ],
    "Rooms receive values: only bootstrap knows a service's settings": [
        ("services/queue/src/gerai/queue/domain/planted.py", "import gerai.queue.settings"),
        ("services/queue/src/gerai/queue/use_cases/planted.py", "import gerai.queue.settings"),
        ("services/queue/src/gerai/queue/adapters/planted.py", "import gerai.queue.settings"),
        ("services/queue/src/gerai/queue/entrypoints/planted.py", "import gerai.queue.settings"),
        ("services/registry/src/gerai/registry/domain/planted.py", "import gerai.registry.settings"),
        ("services/registry/src/gerai/registry/use_cases/planted.py", "import gerai.registry.settings"),
        ("services/registry/src/gerai/registry/adapters/planted.py", "import gerai.registry.settings"),
        ("services/registry/src/gerai/registry/entrypoints/planted.py", "import gerai.registry.settings"),
        ("services/newcomer/src/gerai/newcomer/adapters/planted.py", "import gerai.newcomer.settings"),
    ],
}


def contracts() -> dict[str, str]:
    """Sentence → the name under which import-linter checks it alone."""
    rules = ConfigParser()
    rules.read(ROOT / ".importlinter", encoding="utf-8")
    sections = [section for section in rules.sections() if ":contract:" in section]
    return {rules[section]["name"]: section.rpartition(":")[2] for section in sections}


def lint(tree: Path, contract: str) -> str:
    """What import-linter says of one contract, on one line: it breaks names to the width of a terminal."""
    sources = [str(path) for top in ("libs", "services") for path in sorted((tree / top).glob("*/src"))]
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache", "--contract", contract],
        cwd=tree,
        env={**os.environ, "COLUMNS": "300", "PYTHONPATH": os.pathsep.join(sources)},
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
    _add_newcomer(tmp_path / "services/newcomer/src/gerai/newcomer")
    return tmp_path


def _add_newcomer(package: Path) -> None:
    """A service that no rule names."""
    for room in ("domain", "use_cases", "adapters", "entrypoints"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").touch()
    for module in ("__init__", "service", "settings", "entrypoints/http"):
        (package / f"{module}.py").touch()


@pytest.mark.parametrize("contract", PLANTED)
def test_planted_imports_break(contract: str, tree: Path) -> None:
    for place, text in PLANTED[contract]:
        assert not (tree / place).exists()
        (tree / place).write_text(f"{text}\n", encoding="utf-8")
    said = lint(tree, contracts()[contract])
    assert f"{contract} BROKEN" in said, said
    for place, _ in PLANTED[contract]:
        parts = Path(place).with_suffix("").parts
        assert ".".join(parts[parts.index("gerai") :]) in said, said


def test_every_contract_has_something_planted_against_it() -> None:
    assert set(contracts()) == set(PLANTED)
