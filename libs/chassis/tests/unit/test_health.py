"""Health: live = everything moves, ready = requests can be served now."""

import asyncio
from collections.abc import Mapping

import pytest
from notes_door import Door

from gerai.chassis import health


class TestLiveness:
    async def test_what_does_not_move_is_named(self, door: Door) -> None:
        stuck: dict[str, str] = {}

        def probe() -> Mapping[str, str]:
            return stuck

        with door.health.watching(probe):
            assert (await door.stranger().gets("/health/live")).status_code == 200
            stuck["relay"] = "silent for 61 s"
            answer = await door.stranger().gets("/health/live")
            assert (answer.status_code, answer.json()["stuck"]) == (503, {"relay": "silent for 61 s"})
        assert (await door.stranger().gets("/health/live")).status_code == 200


class TestReadiness:
    async def test_a_store_that_is_away_makes_it_unready_but_not_dead(self, door: Door) -> None:
        async def away() -> None:
            raise ConnectionError("mongodb://gerai:hunter2@db is away")

        assert (await door.stranger().gets("/health/ready")).status_code == 200
        door.health.require(away)
        answer = await door.stranger().gets("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "why": "ConnectionError"})
        assert (await door.stranger().gets("/health/live")).status_code == 200

    async def test_an_answer_does_not_wait_for_ever(
        self, door: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(health, "CHECK_S", 0.01)
        door.health.require(asyncio.Event().wait)  # type: ignore[arg-type]
        answer = await door.stranger().gets("/health/ready")
        assert (answer.status_code, answer.json()["why"]) == (503, "TimeoutError")

    async def test_however_many_ask_the_store_is_asked_by_one(self, door: Door) -> None:
        asked, answer = 0, asyncio.Event()

        async def ping() -> None:
            nonlocal asked
            asked += 1
            await answer.wait()

        door.health.require(ping)
        waiting = [asyncio.create_task(door.stranger().gets("/health/ready")) for _ in range(50)]
        for _ in range(200):
            await asyncio.sleep(0)
        answer.set()
        assert {one.status_code for one in await asyncio.gather(*waiting)} == {200}
        assert asked == 1
        assert (await door.stranger().gets("/health/ready")).status_code == 200
        assert asked == 2

    async def test_a_process_that_stops_takes_no_more_and_lets_its_streams_end_once(self, door: Door) -> None:
        left: list[str] = []
        door.health.at_stop(lambda: left.append("feed"))
        door.health.stop()
        door.health.stop()
        answer = await door.stranger().gets("/health/ready")
        assert (answer.status_code, answer.json()["why"]) == (503, "stopping")
        assert left == ["feed"]
