"""What runs beside the server: an end that nobody asked for stops the process."""

import asyncio

from gerai.chassis.work import Deadline, Work


async def forever() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise ValueError("broke")


async def ends() -> None: ...


class TestWork:
    async def test_work_that_breaks_stops_the_process(self) -> None:
        failed = asyncio.Event()
        work = Work(on_failure=failed.set)
        work.start("relay", forever)
        work.start("timers", breaks)
        await asyncio.wait_for(failed.wait(), 5)
        assert isinstance(work.failure, ValueError)
        await work.stop(Deadline(5))

    async def test_work_that_just_ends_stops_it_too(self) -> None:
        failed = asyncio.Event()
        work = Work(on_failure=failed.set)
        work.start("relay", ends)
        await asyncio.wait_for(failed.wait(), 5)
        assert "relay ended" in str(work.failure)

    async def test_work_that_is_cancelled_without_being_asked_stops_it_too(self) -> None:
        failed = asyncio.Event()

        async def cancels_itself() -> None:
            raise asyncio.CancelledError

        work = Work(on_failure=failed.set)
        work.start("subscriber", cancels_itself)
        await asyncio.wait_for(failed.wait(), 5)
        assert "subscriber was cancelled" in str(work.failure)

    async def test_start_up_may_end(self) -> None:
        done = asyncio.Event()

        async def begin() -> None:
            done.set()

        work = Work(on_failure=lambda: None)
        work.start("start-up", begin, endless=False)
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

        work = Work(on_failure=lambda: None)
        work.start("stubborn", stubborn)
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
