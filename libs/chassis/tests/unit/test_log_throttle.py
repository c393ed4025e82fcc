"""Repeated log lines are limited, and how many were dropped is told."""

import json
import logging
import subprocess
import sys

import structlog

from gerai.chassis.log_throttle import (
    EVERY_S,
    KINDS_LIMIT,
    OF_OTHERS,
    OF_OURS,
    LogThrottle,
    ThrottleFilter,
    throttled,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_first_lines_of_a_kind_pass_and_the_next_says_how_many_did_not() -> None:
    clock = Clock()
    throttle = LogThrottle(2, every_s=10.0, now=clock)
    assert [throttle.passes("a") for _ in range(5)] == [0, 0, None, None, None]
    assert throttle.passes("b") == 0
    clock.now = 10.0
    assert [throttle.passes("a") for _ in range(3)] == [3, 0, None]
    clock.now = 20.0
    assert throttle.passes("a") == 1


def test_however_many_kinds_there_are_few_are_remembered() -> None:
    throttle = LogThrottle(1)
    for number in range(3 * KINDS_LIMIT):
        assert throttle.passes(number) == 0
    assert len(throttle._told) == KINDS_LIMIT


def line(
    number: int, *, name: str = "aiokafka", lineno: int = 7, level: int = logging.ERROR
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, lineno, "Unable to connect to node %s", (number,), None)


def test_a_library_speaks_once_of_each_kind_whatever_its_words_hold() -> None:
    throttle = ThrottleFilter()
    assert sum(throttle.filter(line(number)) for number in range(1_000)) == OF_OTHERS
    assert throttle.filter(line(1, lineno=8))
    assert throttle.filter(line(1, name="pymongo.topology"))


def test_our_own_warnings_pass_by_what_they_are_about() -> None:
    process = throttled()

    def passed(method: str, **fields: object) -> int:
        count = 0
        for number in range(100):
            try:
                process(None, method, {"event": "dead-letter", "place": f"t/0@{number}", **fields})
            except structlog.DropEvent:
                continue
            count += 1
        return count

    assert passed("warning", group="a") == OF_OURS
    assert passed("warning", group="b") == OF_OURS
    assert passed("info", group="a") == 100


SCRIPT = """
import logging, structlog
from gerai.chassis import logs
logs.configure(service="notes", level="info")
for number in range(500):
    logging.getLogger("aiokafka.conn").error("Connect attempt to %s failed", number)
    structlog.get_logger("ours").warning("relay-waits", failures=number)
structlog.get_logger("ours").info("started")
"""


def test_a_process_whose_broker_is_away_writes_a_line_now_and_then() -> None:
    out = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    events = [json.loads(one)["event"] for one in out.splitlines()]
    assert events.count("Connect attempt to 0 failed") == 1
    assert events.count("relay-waits") == OF_OURS
    assert events.count("started") == 1
    assert len(events) <= 2 * (OF_OTHERS + OF_OURS) + 1, f"within {EVERY_S:g} s, or a little more"
