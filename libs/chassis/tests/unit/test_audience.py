"""Who listens is bounded, is woken together, and is let go when the process stops."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.types import Message

from gerai.chassis.audience import Audiences, Listener
from gerai.chassis.event_stream import EventStream
from gerai.chassis.problems import Problem
from gerai.chassis.ring import Frame, as_frame
from gerai.chassis.stream_places import Limits, Viewer

NOW = datetime(2026, 11, 24, 1, tzinfo=UTC)
ME = Viewer(tenant="muna-barat", subject="panel")
LIMITS = Limits(all=100, of_regency=60, of_caller=3)


def audiences(**more: Any) -> Audiences:
    return Audiences("test", LIMITS, **more)


def frame(id: str, channel: str = "main") -> Frame:
    return Frame(id, channel, as_frame("told", "{}", id=id), NOW, False)


async def test_what_is_told_wakes_those_who_listen_and_no_others() -> None:
    halls = audiences()
    here, there = halls.join("here", ME), halls.join("there", ME)
    waiting = [asyncio.create_task(listener.wait()) for listener in (here, there)]
    await asyncio.sleep(0)
    halls.hear("here", frame("e1"))
    await asyncio.wait_for(waiting[0], 5)
    assert not waiting[1].done()
    assert (here.take(), there.take()) == (as_frame("told", "{}", id="e1"), b"")
    waiting[1].cancel()


async def test_who_asks_for_too_many_is_refused_and_may_come_when_one_is_given_back() -> None:
    halls = audiences()
    joined = [halls.join("here", ME) for _ in range(3)]
    with pytest.raises(Problem) as refused:
        halls.join("there", ME)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "15")
    halls.part("here", ME, joined[0])
    halls.join("there", ME)


async def test_a_process_that_stops_lets_everybody_go_and_nobody_in() -> None:
    halls = audiences()
    listener = halls.join("here", ME)
    halls.close()
    await asyncio.wait_for(listener.wait(), 5)
    assert listener.gone
    with pytest.raises(Problem) as refused:
        halls.join("here", ME)
    assert refused.value.status == 503


async def test_a_stream_that_nobody_listens_to_is_forgotten_when_there_are_too_many() -> None:
    """An inbox for each person would else fill the memory of the process with those who looked in once."""
    halls = audiences(kept=3)
    listener = halls.join("heard", ME)
    for number in range(10):
        halls.hear(number, frame(f"e{number}"))
    halls.hear("heard", frame("e"))
    assert len(halls._by_key) == 3
    assert listener.take() == as_frame("told", "{}", id="e")
    back = halls.join(0, ME)
    assert back.catch_up("e0") is None, "it begins with a snapshot"


async def test_who_is_told_to_begin_again_gets_a_snapshot() -> None:
    halls = audiences()
    halls.hear("here", frame("e1"))
    listener = halls.join("here", ME)
    halls.begin_again()
    assert listener.take() is None and listener.catch_up("e1") is None


async def told(listener: Listener, *, seconds: float, last_id: str | None = None) -> list[Message]:
    """What a client hears until the stream ends."""
    heard: list[Message] = []

    async def stays() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def hears(message: Message) -> None:
        heard.append(message)

    async def snapshot() -> str:
        return '{"all": true}'

    stream = EventStream(listener, seconds=seconds, snapshot=snapshot, part=lambda: None, last_id=last_id)
    async with asyncio.timeout(5):
        await stream({"type": "http"}, stays, hears)
    return heard


async def test_a_stream_ends_when_its_time_is_over() -> None:
    heard = await told(audiences().join("here", ME), seconds=0.01)
    assert heard[1]["body"] == b'retry: 1000\n\nevent: snapshot\ndata: {"all": true}\n\n'
    assert heard[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


@pytest.mark.parametrize(
    ("last_id", "begins"),
    [("e1", as_frame("told", "{}", id="e2")), ("e2", b""), ("lost", b"id: e2\nevent: snapshot")],
)
async def test_a_stream_goes_on_where_it_stopped_or_begins_with_a_snapshot(
    last_id: str, begins: bytes
) -> None:
    halls = audiences()
    for id in ("e1", "e2"):
        halls.hear("here", frame(id))
    heard = await told(halls.join("here", ME), seconds=0.01, last_id=last_id)
    first = heard[1]["body"].removeprefix(b"retry: 1000\n\n")
    assert first.startswith(begins) and bool(first) == bool(begins)
