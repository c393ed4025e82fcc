"""The house keeps its rules; and each rule is shown to catch a planted violation."""

import re
import shutil
from configparser import ConfigParser
from pathlib import Path

import pytest
from tests.architecture.house_rules import RULES, Rule, every_package_is_watched

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "services/queue/src/gerai/queue/domain/planted.py"
LONG_BODY = "\n".join(f"    x{n} = {n}" for n in range(70))

EXAMPLE = "services/hourly/src/gerai/hourly"
QUEUE = "services/queue/src/gerai/queue"

# rule → places and texts, each of which breaks it alone
PLANTED = {
    "files_are_short": [(DOMAIN, "\n".join(f"X{n} = {n}" for n in range(401)))],
    "the_example_stays_small": [(f"{EXAMPLE}/planted.py", "\n".join(f"X{n} = {n}" for n in range(77)))],
    "functions_are_short": [(DOMAIN, f"def long() -> None:\n{LONG_BODY}\n")],
    "names_say_something": [(f"{QUEUE}/utils.py", "X = 1\n")],
    "business_reads_no_clock": [
        (DOMAIN, "from datetime import datetime\nX = datetime.now()\n"),
        (f"{QUEUE}/use_cases/planted.py", "import datetime\nX = datetime.datetime.now(UTC)\n"),
        (f"{QUEUE}/entrypoints/planted.py", "from time import time\n"),
        (f"{EXAMPLE}/planted.py", "from datetime import date\nX = date.today()\n"),
    ],
    "domain_has_no_io": [(DOMAIN, "import socket\n")],
    "refusals_are_named": [(DOMAIN, "class Nope(Refusal):\n    x = 1\n")],
    "nothing_is_swallowed": [(DOMAIN, "try:\n    x = 1\nexcept ValueError:\n    pass\n")],
    "one_driver_module": [
        (DOMAIN, "from motor.motor_asyncio import AsyncIOMotorClient\n"),
        (f"{QUEUE}/adapters/planted.py", "from pymongo import AsyncMongoClient\n"),
        ("libs/chassis/src/gerai/chassis/planted.py", "import pymongo\nX = pymongo.MongoClient()\n"),
        ("demo/planted.py", "async with client.start_session() as session:\n    x = 1\n"),
        (f"{EXAMPLE}/planted.py", 'async with await database["outbox"].watch() as stream:\n    x = 1\n'),
        ("bench/planted.py", "stream = client.watch([])\n"),
    ],
    "only_bootstrap_reads_settings": [
        (
            f"{QUEUE}/entrypoints/planted.py",
            "def routes(house: House) -> None:\n    x = house.settings.zone\n",
        ),
        (f"{QUEUE}/adapters/planted.py", "import os\nX = os.environ['GERAI_X']\n"),
        (f"{EXAMPLE}/planted.py", "from os import getenv\n"),
    ],
    "tests_do_not_sleep": [
        ("tests/test_x.py", "async def test_x():\n    await asyncio.sleep(1)\n    assert True\n")
    ],
    "tests_assert_something": [("tests/test_x.py", "def test_x():\n    print(1)\n")],
    "no_registry_address": [("README.md", "see https://files.python" + "hosted.org/x\n")],
    "every_package_is_watched": [
        ("services/planted/src/gerai/planted/__init__.py", ""),
        ("libs/planted/src/gerai/planted/thing.py", ""),
    ],
}
CASES = [(rule, place, text) for rule in RULES for place, text in PLANTED[rule.__name__]]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize(
    ("rule", "place", "text"),
    CASES,
    ids=[f"{rule.__name__}-{Path(place).parent.name}" for rule, place, _ in CASES],
)
def test_a_planted_violation_is_caught_by(rule: Rule, place: str, text: str, tmp_path: Path) -> None:
    for settings in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / settings, tmp_path)
    assert list(rule(tmp_path)) == []
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(text, encoding="utf-8")
    assert list(rule(tmp_path)), f"{rule.__name__} let a planted violation pass"


# what .importlinter must know of a service that has all its rooms: contract and option, and what is forgotten there
FORGOTTEN = [
    ("", "root_packages", "gerai.queue"),
    (":contract:libraries-know-no-service", "layers", "gerai.queue"),
    (":contract:published-language", "forbidden_modules", "gerai.queue"),
    (":contract:one-driver-module", "source_modules", "gerai.queue"),
    (":contract:rooms-of-queue", "containers", "gerai.queue"),
    (":contract:rooms-of-queue", "exhaustive", "true"),
    (":contract:domain-is-pure", "source_modules", "gerai.queue.domain"),
    (":contract:use-cases-do-not-know-the-web", "source_modules", "gerai.queue.use_cases"),
    (":contract:settings-are-for-bootstrap", "source_modules", "gerai.queue.domain"),
    (":contract:settings-are-for-bootstrap", "source_modules", "gerai.queue.use_cases"),
    (":contract:settings-are-for-bootstrap", "source_modules", "gerai.queue.adapters"),
    (":contract:settings-are-for-bootstrap", "source_modules", "gerai.queue.entrypoints"),
    (":contract:settings-are-for-bootstrap", "forbidden_modules", "gerai.queue.settings"),
]


@pytest.fixture
def queue_alone(tmp_path: Path) -> Path:
    """A tree with the queue's rooms and no other package."""
    for settings in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / settings, tmp_path)
    for module in ("domain/one", "use_cases/one", "adapters/one", "entrypoints/one", "settings"):
        path = tmp_path / QUEUE / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def rewrite(tree: Path, section: str, option: str, pattern: str, by: str) -> None:
    rules = ConfigParser()
    rules.read(tree / ".importlinter", encoding="utf-8")
    before = rules[section][option]
    rules[section][option] = re.sub(pattern, by, before)
    assert rules[section][option] != before
    with (tree / ".importlinter").open("w", encoding="utf-8") as file:
        rules.write(file)


@pytest.mark.parametrize(("contract", "option", "word"), FORGOTTEN)
def test_what_an_import_rule_forgot_of_a_service_is_named(
    contract: str, option: str, word: str, queue_alone: Path
) -> None:
    assert list(every_package_is_watched(queue_alone)) == []
    rewrite(queue_alone, f"importlinter{contract}", option, rf"{re.escape(word)}\b(?!\.)", "")
    said = "\n".join(every_package_is_watched(queue_alone))
    assert f"{word} is missing in .importlinter, [importlinter{contract}] {option}" in said


def test_a_service_that_stands_above_the_others_is_caught(queue_alone: Path) -> None:
    """It could import its neighbours."""
    layers = ("importlinter:contract:libraries-know-no-service", "layers")
    rewrite(queue_alone, *layers, r"gerai\.registry \| gerai\.queue", "gerai.registry\ngerai.queue")
    assert list(every_package_is_watched(queue_alone))


def test_a_service_without_rules_of_its_rooms_is_caught(tmp_path: Path) -> None:
    """It is told to nobody but the root packages, the layers and the type checker, and has a domain."""
    for settings in (".importlinter", "pyproject.toml"):
        text = (ROOT / settings).read_text(encoding="utf-8")
        told = re.sub(r"^( *)gerai\.hourly$", r"\1gerai.hourly\n\1gerai.planted", text, flags=re.MULTILINE)
        told = told.replace("gerai.queue | ", "gerai.queue | gerai.planted | ")
        told = told.replace("services/hourly/src", "services/hourly/src:services/planted/src")
        (tmp_path / settings).write_text(told, encoding="utf-8")
    package = tmp_path / "services/planted/src/gerai/planted"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    assert list(every_package_is_watched(tmp_path)) == []
    (package / "domain").mkdir()
    (package / "domain" / "__init__.py").touch()
    said = " ".join(every_package_is_watched(tmp_path))
    assert all(rule in said for rule in ("rooms-of-planted", "domain-is-pure", "settings-are-for-bootstrap"))
