"""`make test` runs every test once, says so in its last line, and fails where any of them does."""

import itertools
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from tests import lanes
from tests.lanes import Lane

ROOT = Path(__file__).resolve().parents[1]
SUITES = re.findall(r"^SUITES := (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[
    0
].split()
PASSES, FAILS, SKIPS = (
    f"import pytest\ndef test_{n}():\n    {what}\n"
    for n, what in enumerate(("assert True", "assert False, 'the reason'", "pytest.skip('no')"))
)


def files(lane: Lane) -> Counter[Path]:
    """The test files that pytest finds by the arguments of a lane."""
    left_out = [ROOT / one.removeprefix("--ignore=") for one in lane.arguments if one.startswith("--ignore=")]
    found: Counter[Path] = Counter()
    for argument in lane.arguments:
        place = ROOT / argument
        if not argument.startswith("-") and place.exists():
            every = place.rglob("test_*.py") if place.is_dir() else [place]
            found.update(file for file in every if not any(file.is_relative_to(one) for one in left_out))
    return found


def test_the_lanes_hold_every_test_file_once() -> None:
    side_by_side, _ = lanes.lanes(SUITES)
    held = sum((files(lane) for lane in side_by_side), Counter[Path]())
    assert held == Counter(file for suite in SUITES for file in (ROOT / suite).rglob("test_*.py"))


def test_what_is_marked_alone_runs_after_the_lanes_and_not_in_them() -> None:
    side_by_side, one_by_one = lanes.lanes(SUITES)
    assert all(lane.arguments[-2:] == ("-m", "not alone") for lane in side_by_side)
    assert [lane.arguments for lane in one_by_one] == [("tests/integration", "-m", "alone")]
    marked = {file for suite in SUITES for file in (ROOT / suite).rglob("test_*.py") if is_marked(file)}
    assert all(file.is_relative_to(ROOT / "tests/integration") for file in marked)


def is_marked(file: Path) -> bool:
    return "pytest.mark." + "alone" in file.read_text(encoding="utf-8")


def test_no_two_lanes_look_for_ports_in_one_place() -> None:
    side_by_side, _ = lanes.lanes(SUITES)
    ranges = sorted(tuple(map(int, lane.free_ports.split("-"))) for lane in side_by_side)
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Lanes of planted tests: the suites are `tmp_path`, and there is nothing else."""
    (tmp_path / "test").mkdir()
    monkeypatch.setattr(lanes, "STATE", tmp_path)
    monkeypatch.setattr(lanes, "why_not", lambda: None)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # each of these runs would load them all

    def planted_lanes(suites: object) -> tuple[list[Lane], list[Lane]]:
        options = ("-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-c", os.devnull)
        found = [
            Lane(name=file.stem, arguments=(*options, str(file)))
            for file in sorted(tmp_path.glob("test_*.py"))
        ]
        return found, [Lane(name="alone", arguments=(*options, str(tmp_path / "test")), may_be_empty=True)]

    monkeypatch.setattr(lanes, "lanes", planted_lanes)
    return tmp_path


class TestARun:
    async def test_whose_lanes_pass_ends_well_and_sums_them_up(self, planted, capsys):
        (planted / "test_a.py").write_text(PASSES + PASSES.replace("test_0", "test_x"))
        (planted / "test_b.py").write_text(PASSES + SKIPS)
        assert await lanes.run_all([]) == 0
        assert capsys.readouterr().out.splitlines()[-1] == "3 passed, 0 failed, 1 skipped"

    async def test_fails_with_any_lane_and_shows_why(self, planted, capsys):
        (planted / "test_a.py").write_text(PASSES)
        (planted / "test_b.py").write_text(FAILS)
        assert await lanes.run_all([]) == 1
        printed = capsys.readouterr().out
        assert "AssertionError: the reason" in printed
        assert printed.splitlines()[-1] == "1 passed, 1 failed"

    @pytest.mark.parametrize("broken", ["import nowhere", "import os\nos._exit(3)", ""])
    async def test_fails_where_a_lane_breaks_or_has_no_test(self, planted, capsys, broken):
        (planted / "test_a.py").write_text(broken)
        assert await lanes.run_all([]) == 1
        assert capsys.readouterr().out.splitlines()[-1] == "0 passed, 1 failed"

    async def test_says_what_is_left_out(self, planted, capsys, monkeypatch):
        (planted / "test_a.py").write_text(PASSES)
        monkeypatch.setattr(lanes, "why_not", lambda: "there is no podman here")
        assert await lanes.run_all([]) == 0
        assert "newcomer is left out: there is no podman here" in capsys.readouterr().out
