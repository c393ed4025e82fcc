"""What is measured, what it must reach, and how a row says whether it did."""

from types import SimpleNamespace

import pytest
from bench.__main__ import AFTERWARDS, on_one_platform
from bench.figure import AT_LEAST, AT_MOST, Figure

GOALS = {
    "issue_29": "≥ 1",
    "issue_1": "≥ 1",
    "call_next_29": "≥ 0.8",
    "issue_latency_c1": "≤ 2",
    "consume_effect": "≥ 3",
    "jobs": "≥ 1",
    "commit_to_consumer_p99": "≤ 250",
    "call_to_feed_p95": "≤ 100",
    "relay_100k": "≤ 20",
    "warm_start": "≤ 20",
    "working_days": "≤ 20",
    "deadline_us": "≤ 50",
    "upload_memory": "≤ 20",
    "rss": "≤ 120",
}


def figure(id: str, value: float) -> Figure:
    return Figure(id=id, value=value, unit="", detail="so it was")


def test_every_figure_has_its_goal() -> None:
    assert {id: figure(id, 1.0).goal for id in (*AT_LEAST, *AT_MOST)} == GOALS


def test_every_figure_is_measured() -> None:
    platform = SimpleNamespace(token=lambda *_: "")  # nothing is asked of it before a figure is measured
    assert {*on_one_platform(platform, None, None), *AFTERWARDS} == set(GOALS)


def test_a_row_says_all_of_a_figure() -> None:
    assert figure("rss", 99.12345).row() == {
        "id": "rss",
        "value": 99.123,
        "unit": "",
        "goal": "≤ 120",
        "holds": True,
        "detail": "so it was",
    }


@pytest.mark.parametrize(("id", "goal"), AT_LEAST.items())
def test_more_than_least_holds_and_less_does_not(id: str, goal: float) -> None:
    assert [figure(id, value).holds for value in (goal + 0.01, goal, goal - 0.01)] == [True, True, False]


@pytest.mark.parametrize(("id", "goal"), AT_MOST.items())
def test_less_than_most_holds_and_more_does_not(id: str, goal: float) -> None:
    assert [figure(id, value).holds for value in (goal - 0.01, goal, goal + 0.01)] == [True, True, False]


def test_what_could_not_be_measured_does_not_hold() -> None:
    assert not figure("relay_100k", float("inf")).holds
