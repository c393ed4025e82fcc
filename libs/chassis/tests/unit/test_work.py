"""What runs beside the server: an end that nobody asked for stops the process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import httpx
from starlette.applications import Starlette

from gerai.chassis.health import Health
from gerai.chassis.service_context import Background
from gerai.chassis.work import Deadline, Work


async def forever() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise ValueError("broke")


async def ends() -> None: ...


def moving() -> Mapping[str, str]:
    return {}


def part(name: str, run: Callable[[], Awaitable[None]]) -> Background:
    return Background(name=name, run=run, progress=moving)


class TestWork:
    async def test_work_that_breaks_stops_the_process(self) -> None:
        failed = asyncio.Event()
        work = Work(Health(), on_failure=failed.set)
        work.start(part("relay", forever))
        work.start(part("timers", breaks))
        await asyncio.wait_for(failed.wait(), 5)
        assert isinstance(work.failure, ValueError)
        await work.stop(Deadline(5))

    async def test_work_that_just_ends_stops_it_too(self) -> None:
        failed = asyncio.Event()
        work = Work(Health(), on_failure=failed.set)
        work.start(part("relay", ends))
        await asyncio.wait_for(failed.wait(), 5)
        assert "relay ended" in str(work.failure)

    async def test_work_that_is_cancelled_without_being_asked_stops_it_too(self) -> None:
        failed = asyncio.Event()

        async def cancels_itself() -> None:
            raise asyncio.CancelledError

        work = Work(Health(), on_failure=failed.set)
        work.start(part("subscriber", cancels_itself))
        await asyncio.wait_for(failed.wait(), 5)
        assert "subscriber was cancelled" in str(work.failure)

    async def test_start_up_may_end(self) -> None:
        done = asyncio.Event()

        async def begin() -> None:
            done.set()

        work = Work(Health(), on_failure=lambda: None)
        work.start_up(begin)
        await asyncio.wait_for(done.wait(), 5)
        await work.stop(Deadline(5))
        assert work.failure is None

    async def test_a_stop_is_bounded_even_if_a_part_of_it_hangs(self) -> None:
        going = asyncio.Event()

        async def stubborn() -> None:
            try:
                await forever()
            finally:
                await going.wait()

        work = Work(Health(), on_failure=lambda: None)
        work.start(part("stubborn", stubborn))
        await asyncio.sleep(0)
        await asyncio.wait_for(work.stop(Deadline(0.01)), 5)
        going.set()
        assert work.failure is None

    def test_all_parts_of_a_stop_share_one_time_out(self) -> None:
        deadline = Deadline(100.0)
        first = deadline.left()
        assert 99.0 < first <= 100.0
        assert deadline.left() <= first
        assert Deadline(0.0).left() == 1.0


class TestWatching:
    async def test_a_probe_is_asked_while_its_work_runs_and_never_else(self) -> None:
        """A display feed that is watched in a worker, where nobody reads it, would call the worker stuck for ever."""
        health, runs = Health(), asyncio.Event()

        async def run() -> None:
            runs.set()
            await forever()

        def stuck() -> Mapping[str, str]:
            return {"feed": "has not read for 121 s"}

        feed = Background(name="feed", run=run, progress=stuck)
        work = Work(health, on_failure=lambda: None)
        transport = httpx.ASGITransport(app=Starlette(routes=health.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://notes.test") as http:
            assert (await http.get("/health/live")).json()["stuck"] == {}
            work.start(feed)
            await runs.wait()
            assert (await http.get("/health/live")).json()["stuck"] == {"feed": "has not read for 121 s"}
            await work.stop(Deadline(5))
            assert (await http.get("/health/live")).json()["stuck"] == {}
