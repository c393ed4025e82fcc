"""The formatter, the linter and the type checker are set up to catch what they are for: each rule that was chosen
reports what is planted against it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACE = "services/queue/src/gerai/queue/adapters/planted.py"
MANY = "\n".join(f"    x{n} = {n}\n    print(x{n})" for n in range(30))
BRANCHES = "\n".join(f"    if x == {n}:\n        return {n}" for n in range(14))

# what is chosen in pyproject.toml → the rule that reports, and what it reports
PLANTED = {
    "E": ("E711", "def f(x: int | None) -> bool:\n    return x == None\n"),
    "F": ("F401", "import json\n"),
    "W": ("W291", "X = 1  \n"),
    "I": ("I001", "import sys\nimport ast\n\nprint(sys, ast)\n"),
    "UP": ("UP007", "from typing import Union\n\nX: Union[int, str] = 1\n"),
    "B": ("B006", "def f(x: list[int] = []) -> list[int]:\n    return x\n"),
    "C4": ("C408", "X = dict()\n"),
    "SIM": ("SIM103", "def f(x: int) -> bool:\n    if x > 1:\n        return True\n    return False\n"),
    "RUF": ("RUF005", "X = [1]\nY = [0] + X\n"),
    "ASYNC": ("ASYNC230", 'async def f() -> None:\n    open("x")\n'),
    "TID": ("TID252", "from . import lines\n\nX = lines\n"),
    "PTH": ("PTH123", 'with open("x") as file:\n    X = file.read()\n'),
    "DTZ": ("DTZ005", "from datetime import datetime\n\nX = datetime.now()\n"),
    "T20": ("T201", 'print("x")\n'),
    "ANN": ("ANN001", "def f(x) -> int:\n    return int(x)\n"),
    "BLE": ("BLE001", "try:\n    X = 1\nexcept Exception:\n    X = 2\n"),
    "S110": ("S110", "try:\n    X = 1\nexcept Exception:\n    pass\n"),
    "S112": ("S112", "for x in (1, 2):\n    try:\n        y = x\n    except Exception:\n        continue\n"),
    "PLR0915": ("PLR0915", f"def f() -> None:\n{MANY}\n"),
    "C90": ("C901", f"def f(x: int) -> int:\n{BRANCHES}\n    return x\n"),
    "TRY203": ("TRY203", "try:\n    X = 1\nexcept ValueError:\n    raise\n"),
    "N": ("N801", "class not_like_this:\n    x = 1\n"),
}


@pytest.mark.parametrize("chosen", PLANTED)
def test_ruff_reports(chosen: str) -> None:
    rule, text = PLANTED[chosen]
    said = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--output-format=concise", f"--stdin-filename={PLACE}", "-"],
        cwd=ROOT,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
    assert f" {rule} " in said, said


def test_the_formatter_reports() -> None:
    formatted = [sys.executable, "-m", "ruff", "format", "--check", f"--stdin-filename={PLACE}", "-"]
    for text, code in (("X = [1,2]\n", 1), ("X = [1, 2]\n", 0)):
        done = subprocess.run(formatted, cwd=ROOT, input=text, capture_output=True, text=True, timeout=60)
        assert done.returncode == code, done.stderr


def test_every_chosen_rule_has_something_planted_against_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(settings["tool"]["ruff"]["lint"]["select"]) == set(PLANTED)


def test_mypy_reports(tmp_path: Path) -> None:
    """It is as strict as pyproject.toml says, whatever it is asked to look at."""
    planted = tmp_path / "planted.py"
    planted.write_text(
        "def f(x: int) -> str:\n    return x\n\n\ndef g(x):\n    return x\n\n\nX: list = []\n",
        encoding="utf-8",
    )
    said = subprocess.run(
        [sys.executable, "-m", "mypy", f"--config-file={ROOT / 'pyproject.toml'}", str(planted)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
    ).stdout
    for wanted in ("[return-value]", "[no-untyped-def]", "[type-arg]"):
        assert wanted in said, said
