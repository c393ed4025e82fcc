"""`make test` runs every test once, says so in its last line, and fails where any of them does."""

import asyncio
import itertools
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from gerai.chassis.testing import eventually
from local.ledger import Identity
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

HANGS = "import threading; threading.Event().wait()"
CLEANS_UP = """import os, pathlib, threading
def test_1():
    try:
        pathlib.Path({began!r} + ".draft").write_text(str(os.getpid()))
        os.rename({began!r} + ".draft", {began!r})
        {hangs}
    finally:
        interrupts = 1
        try:
            threading.Event().wait(1)
        except KeyboardInterrupt:
            interrupts += 1
        pathlib.Path({cleaned!r}).write_text(str(interrupts))
"""
STAND_IN = """import os, pathlib, sys
from local import command
from tests import lanes
from tests.lanes import Lane
planted = pathlib.Path(sys.argv[1])
lanes.STATE, lanes.why_not = planted, lambda: None
options = ("-p", "no:cacheprovider", "--rootdir", str(planted), "-c", os.devnull)
lanes.lanes = lambda suites: ([Lane(name="a", arguments=(*options, str(planted / "test_a.py")))], [])
raise SystemExit(command.run(lanes.run_all([])))
"""
"""`make test` with one planted lane."""


async def exists(path: Path) -> bool:
    return await asyncio.to_thread(path.exists)


async def runs(pid: int) -> bool:
    return Identity.of("any", pid) is not None


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


async def test_a_run_by_hand_needs_nothing_that_make_sets() -> None:
    bare = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import os, tests.lanes as l; print(l._environment(l.lanes(['libs'])[0][0])['PYTHONPATH'])"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code),
        cwd=ROOT,
        env=bare,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert said.decode().strip() == f"{ROOT / 'deploy'}:{ROOT}"


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

    @pytest.mark.parametrize("given", ["MONGODB_URI", "KAFKA_BOOTSTRAP"])
    async def test_on_given_stores_takes_one_lane_after_the_other(self, planted, capsys, monkeypatch, given):
        for name in ("MONGODB_URI", "KAFKA_BOOTSTRAP"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(given, "elsewhere")
        for name in ("a", "b"):
            (planted / f"test_{name}.py").write_text(PASSES)
        assert await lanes.run_all([]) == 0
        printed = capsys.readouterr().out
        assert f"The lanes run one by one: they share what {given} names." in printed
        told = re.findall(r"] (test_. (?:begins|ended))", printed)
        assert told == ["test_a begins", "test_a ended", "test_b begins", "test_b ended"]

    async def test_stops_a_lane_that_hangs_outside_a_test_says_so_and_fails(
        self, planted, capsys, monkeypatch
    ):
        monkeypatch.setattr(lanes, "_LANE_SECONDS", 3.0)
        (planted / "test_a.py").write_text(HANGS)
        ((lane,), _) = lanes.lanes([])
        assert await lanes.run(lane) == Counter(failed=1)
        assert "Stopped: test_a has not ended within 3 s." in capsys.readouterr().out


class TestALaneThatIsStopped:
    """By Ctrl-C, which a terminal sends to all processes in its foreground."""

    async def test_is_interrupted_once_and_may_clean_up(self, planted):
        began, cleaned = planted / "began", planted / "cleaned"
        (planted / "test_a.py").write_text(
            CLEANS_UP.format(began=str(began), cleaned=str(cleaned), hangs=HANGS)
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", STAND_IN, str(planted), cwd=ROOT, start_new_session=True
        )
        try:
            await eventually(lambda: exists(began), bool, because="its test runs", within=60)
            assert os.getpgid(int(began.read_text())) != process.pid, "it hears of it from us alone"
            os.killpg(process.pid, signal.SIGINT)
            assert await asyncio.wait_for(process.wait(), 60) == 128 + signal.SIGINT
        finally:
            if process.returncode is None:
                process.kill()
        assert cleaned.read_text() == "1", "a second interrupt would have broken off what the first began"

    async def test_is_killed_with_all_it_started_where_it_does_not_end(self, planted, monkeypatch):
        monkeypatch.setattr(lanes, "_GOODBYE_SECONDS", 1.0)
        began = planted / "began"
        deaf = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
        (planted / "test_a.py").write_text(
            f"import os, pathlib, subprocess, sys\n{deaf}\n"
            f"child = subprocess.Popen([sys.executable, '-c', {HANGS!r}])\n"
            f"pathlib.Path({str(began) + '.draft'!r}).write_text(f'{{os.getpid()}} {{child.pid}}')\n"
            f"os.rename({str(began) + '.draft'!r}, {str(began)!r})\n{HANGS}"
        )
        run = asyncio.ensure_future(lanes.run_all([]))
        await eventually(lambda: exists(began), bool, because="it has begun", within=60)
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        for number in map(int, began.read_text().split()):
            await eventually(lambda n=number: runs(n), lambda it: not it, because=f"{number} is gone")
