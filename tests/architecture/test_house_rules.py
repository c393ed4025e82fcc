"""The house keeps its rules; and each rule is shown to catch a planted violation."""

from pathlib import Path

import pytest
from tests.architecture.house_rules import RULES, Rule

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = "services/queue/src/gerai/queue/domain/planted.py"
LONG_BODY = "\n".join(f"    x{n} = {n}" for n in range(70))

PLANTED = {
    "files_are_short": (DOMAIN, "\n".join(f"X{n} = {n}" for n in range(401))),
    "functions_are_short": (DOMAIN, f"def long() -> None:\n{LONG_BODY}\n"),
    "names_say_something": ("services/queue/src/gerai/queue/utils.py", "X = 1\n"),
    "domain_has_no_clock": (DOMAIN, "from datetime import datetime\nX = datetime.now()\n"),
    "domain_has_no_io": (DOMAIN, "import socket\n"),
    "refusals_are_named": (DOMAIN, "class Nope(Refusal):\n    x = 1\n"),
    "nothing_is_swallowed": (DOMAIN, "try:\n    x = 1\nexcept ValueError:\n    pass\n"),
    "one_driver_module": (DOMAIN, "from motor.motor_asyncio import AsyncIOMotorClient\n"),
    "tests_do_not_sleep": (
        "tests/test_x.py",
        "async def test_x():\n    await asyncio.sleep(1)\n    assert True\n",
    ),
    "tests_assert_something": ("tests/test_x.py", "def test_x():\n    print(1)\n"),
    "no_registry_address": ("README.md", "see https://files.python" + "hosted.org/x\n"),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Rule) -> None:
    assert list(rule(ROOT)) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_planted_violation_is_caught_by(rule: Rule, tmp_path: Path) -> None:
    place, text = PLANTED[rule.__name__]
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_text(text, encoding="utf-8")
    assert list(rule(tmp_path)), f"{rule.__name__} let a planted violation pass"
