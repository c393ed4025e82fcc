"""What `make check`, `make test` and continuous integration run is written down twice: a command that falls out of a
recipe would be missed by nobody else."""

import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

RECIPES = {
    "check": [
        "@$(PY) -m ruff format --check .",
        "@$(PY) -m ruff check .",
        "@$(PY) -m mypy",
        "@.venv/bin/lint-imports",
        "@$(PY) -m gerai.contracts.compatibility",
        "@$(PY) -m gerai.contracts.generate --check",
        "@$(PY) -m pytest tests/architecture",
    ],
    "test": [
        "@$(PY) -m tests.lanes $(SUITES)",
    ],
}
CONTINUOUS_INTEGRATION = ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make check", "make test"]


def text(place: str) -> str:
    return (ROOT / place).read_text(encoding="utf-8")


@pytest.mark.parametrize("target", RECIPES)
def test_make_runs_all_of(target: str) -> None:
    recipes = re.findall(rf"^{target}:.*\n((?:\t.*\n)*)", text("Makefile"), re.MULTILINE)
    assert [recipe.replace("\t", "").splitlines() for recipe in recipes] == [RECIPES[target]]


def test_continuous_integration_runs_what_the_readme_names() -> None:
    lines = [line for line in text(".ci/run").splitlines() if line and not line.startswith("#")]
    assert lines == CONTINUOUS_INTEGRATION
    assert os.access(ROOT / ".ci/run", os.X_OK)
    for command in lines[2:]:
        assert f"`{command}`" in text("README.md")


def test_every_test_is_in_a_suite() -> None:
    found = re.search(r"^SUITES := (.*)$", text("Makefile"), re.MULTILINE)
    assert found
    places = [place for place in ROOT.iterdir() if place.is_dir() and not place.name.startswith(".")]
    assert set(found.group(1).split()) >= {one.name for one in places if any(one.rglob("test_*.py"))}
