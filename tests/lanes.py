"""`make test`: all tests, in lanes that run side by side, each a pytest with stores and ports of its own.

Most of the drills' time is waiting for time-outs to end, so two cores do in the time of the longest lane what took the
sum of all. What compares times runs afterwards, alone: its tests are marked `alone`. Where the stores are given, they are
one for all, and the lanes run one by one. The output of a lane is printed in one piece when it ends; the last line sums
all of them up.
"""

import asyncio
import os
import shlex
import signal
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from local import command
from local.places import ROOT, STATE
from tests.newcomer.box import why_not

SIDE_BY_SIDE = 3
"""On two cores: one that computes, one that waits for time-outs, one that waits nearly all the time."""
_TEST_SECONDS = 300
"""More than a test has when it runs alone: a time-out is there for what hangs, not for what waits for a processor."""
_LANE_SECONDS = 2_400.0
"""What hangs outside a test, at a stop say, hangs for ever. Far more than a lane needs on a busy machine."""
_GOODBYE_SECONDS = 90.0
_SLOWEST = 15
"""So many of a lane's tests are named with their seconds."""
_GIVEN_STORES = ("MONGODB_URI", "KAFKA_BOOTSTRAP")
_FIRST_PORT, _PORTS_EACH = 20_000, 2_000
_DRILLS, _LONG_LIFE, _NEWCOMER = "tests/integration", "tests/integration/test_long_life.py", "tests/newcomer"
_LIBRARIES = "libs"
_BEFORE_THE_DRILLS = ("deploy",)
"""Moved from the services' lane, so that the places end at about the same time: see the seconds in each lane's last line. Nothing
may go there that publishes a register: the drills read the same topics."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One pytest. `free_ports`: where its parts look for ports, so that no two lanes pick the same."""

    name: str
    arguments: tuple[str, ...]
    free_ports: str = ""
    may_be_empty: bool = False


def lanes(suites: Sequence[str]) -> tuple[list[Lane], list[Lane]]:
    """What runs side by side, in the order of its beginning, and what runs after it, one by one. Together they hold every
    test of the suites once."""
    elsewhere = (*_BEFORE_THE_DRILLS, _LIBRARIES, _DRILLS, _NEWCOMER)
    rest = (
        *(suite for suite in suites if suite not in elsewhere),
        *(f"--ignore={place}" for place in elsewhere),
    )
    beside = [
        ("drills", (*_BEFORE_THE_DRILLS, _DRILLS, f"--ignore={_LONG_LIFE}")),
        ("libraries", (_LIBRARIES,)),
        ("newcomer", (_NEWCOMER,)),
        ("services", rest),
        ("long life", (_LONG_LIFE,)),
    ]
    side_by_side = [
        Lane(
            name=name,
            arguments=(*arguments, f"--timeout={_TEST_SECONDS}", "-m", "not alone"),
            free_ports=f"{(first := _FIRST_PORT + number * _PORTS_EACH)}-{first + _PORTS_EACH - 1}",
        )
        for number, (name, arguments) in enumerate(beside)
    ]
    return side_by_side, [Lane(name="alone", arguments=(_DRILLS, "-m", "alone"), may_be_empty=True)]


def tally(report: Path) -> Counter[str]:
    """How many tests passed, failed and were skipped, by pytest's own report. No report: it failed as a whole."""
    if not report.exists():
        return Counter(failed=1)
    counted: Counter[str] = Counter()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
        failed = number["failures"] + number["errors"]
        counted += Counter(
            passed=number["tests"] - failed - number["skipped"], failed=failed, skipped=number["skipped"]
        )
    return counted


def closing_line(counted: Counter[str]) -> str:
    skipped = f", {counted['skipped']} skipped" if counted["skipped"] else ""
    return f"{counted['passed']} passed, {counted['failed']} failed{skipped}"


async def run(lane: Lane) -> Counter[str]:
    """Run a lane to its end and print what it said; a lane that fails without a failed test counts as one."""
    report, output = (
        STATE / "test" / f"lane-{lane.name.replace(' ', '-')}.{kind}" for kind in ("xml", "log")
    )
    report.unlink(missing_ok=True)
    told = (f"--durations={_SLOWEST}", "--durations-min=5", f"--junit-xml={report}")
    argv = (sys.executable, "-m", "pytest", *lane.arguments, *told)
    _say(f"{lane.name} begins: pytest {shlex.join(lane.arguments)}")
    began = time.monotonic()
    code = await _run_pytest(argv, lane, output)
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and lane.may_be_empty:
        return Counter()
    counted = tally(report)
    if code != 0 and not counted["failed"]:
        counted["failed"] = 1
    print(
        f"\n──── {lane.name} ────\n{output.read_text(encoding='utf-8', errors='replace')}", end="", flush=True
    )
    verdict = "ended well" if code == 0 else f"FAILED with exit code {code}"
    _say(f"{lane.name} {verdict} after {time.monotonic() - began:.0f} s: {closing_line(counted)}")
    return counted


async def _run_pytest(argv: Sequence[str], lane: Lane, output: Path) -> int:
    """The exit code. It leads a session of its own: a terminal's Ctrl-C reaches us alone, and it hears of it once."""
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=file,
            stderr=asyncio.subprocess.STDOUT,
            env=_environment(lane),
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_LANE_SECONDS):
                return await process.wait()
        except TimeoutError:
            file.write(f"\nStopped: {lane.name} has not ended within {_LANE_SECONDS:g} s.\n".encode())
            file.flush()
        finally:
            await _stop(process)
        return process.returncode or pytest.ExitCode.INTERRUPTED


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Let it stop its stores in order; kill it with all it started where that takes too long."""
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), _GOODBYE_SECONDS)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _environment(lane: Lane) -> dict[str, str]:
    ports = {"GERAI_FREE_PORTS": lane.free_ports} if lane.free_ports else {}
    paths = [str(ROOT / "deploy"), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, **ports, "PYTHONPATH": os.pathsep.join(paths)}


def _places() -> int:
    given = [name for name in _GIVEN_STORES if os.environ.get(name)]
    if not given:
        return SIDE_BY_SIDE
    _say(f"The lanes run one by one: they share what {' and '.join(given)} names.")
    return 1


def _say(line: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {line}", flush=True)


async def run_all(suites: Sequence[str]) -> int:
    side_by_side, one_by_one = lanes(suites)
    lacks = why_not()
    if lacks is not None:
        side_by_side = [lane for lane in side_by_side if lane.name != "newcomer"]
        _say(f"newcomer is left out: {lacks}")
    (STATE / "test").mkdir(parents=True, exist_ok=True)
    places = asyncio.Semaphore(_places())

    async def in_its_turn(lane: Lane) -> Counter[str]:
        async with places:
            return await run(lane)

    counted = await asyncio.gather(*(in_its_turn(lane) for lane in side_by_side))
    counted += [await run(lane) for lane in one_by_one]
    total = sum(counted, Counter[str]())
    print(f"\n{closing_line(total)}", flush=True)
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(command.run(run_all(sys.argv[1:])))
