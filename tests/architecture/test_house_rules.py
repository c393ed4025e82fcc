"""The house keeps its rules; and each rule is shown to catch a planted violation."""

import shutil
from configparser import ConfigParser
from pathlib import Path

import pytest
from tests.architecture.house_rules import RULES, Rule, a_service_has_known_rooms, every_package_is_watched

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "services/queue/src/gerai/queue/domain/planted.py"
LONG_BODY = "\n".join(f"    x{n} = {n}" for n in range(70))

EXAMPLE = "services/hourly/src/gerai/hourly"
QUEUE = "services/queue/src/gerai/queue"

# rule → places and texts, each of which breaks it alone
PLANTED = {
    "files_are_short": [(DOMAIN, "\n".join(f"X{n} = {n}" for n in range(401)))],
    "the_example_stays_small": [(f"{EXAMPLE}/planted.py", "\n".join(f"X{n} = {n}" for n in range(78)))],
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
    "a_service_has_known_rooms": [
        (f"{QUEUE}/planted.py", "X = 1\n"),
        (f"{QUEUE}/planted/__init__.py", ""),
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
    (tmp_path / DOMAIN).parent.mkdir(parents=True)
    assert list(rule(tmp_path)) == []
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(text, encoding="utf-8")
    assert list(rule(tmp_path)), f"{rule.__name__} let a planted violation pass"


# what .importlinter must know of a library: contract and option, and what is forgotten there
FORGOTTEN = [
    ("libraries-in-order", "layers", "gerai.messaging"),
    ("services-know-libraries-alone", "ignore_imports", "gerai.** -> gerai.messaging"),
    ("services-know-libraries-alone", "ignore_imports", "gerai.** -> gerai.messaging.**"),
]


@pytest.mark.parametrize(("contract", "option", "line"), FORGOTTEN)
def test_what_an_import_rule_forgot_of_a_library_is_named(
    contract: str, option: str, line: str, tmp_path: Path
) -> None:
    for settings in (".importlinter", "pyproject.toml"):
        shutil.copy(ROOT / settings, tmp_path)
    package = tmp_path / "libs/messaging/src/gerai/messaging"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "libs/messaging/pyproject.toml").touch()
    assert list(every_package_is_watched(tmp_path)) == []
    rules = ConfigParser()
    rules.read(tmp_path / ".importlinter", encoding="utf-8")
    section = f"importlinter:contract:{contract}"
    kept = [one for one in rules[section][option].splitlines() if one != line]
    rules[section][option] = "\n".join(kept)
    with (tmp_path / ".importlinter").open("w", encoding="utf-8") as file:
        rules.write(file)
    said = "\n".join(every_package_is_watched(tmp_path))
    assert f"{line} is missing in .importlinter, [{section}] {option}" in said


def test_a_service_is_held_to_its_rooms_from_the_first_one_on(tmp_path: Path) -> None:
    package = tmp_path / "services/planted/src/gerai/planted"
    package.mkdir(parents=True)
    for module in ("__init__", "__main__", "service"):
        (package / f"{module}.py").touch()
    assert list(a_service_has_known_rooms(tmp_path)) == []
    (package / "domain").mkdir()
    assert list(a_service_has_known_rooms(tmp_path)) == [
        "services/planted/src/gerai/planted/service.py: not a room of a service (adapters, domain, entrypoints, use_cases)"
    ]
