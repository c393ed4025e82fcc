"""A use case says what it will read; whoever runs it asks for that with the same arguments."""

from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import pytest
from job_office import Office
from messaging_builders import NOON, Jar, JarFilled, records
from messaging_shelf import GROUP

from gerai.contracts.event import Envelope
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.command import UnknownArgument, command, needs_of
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.group_commit import NOTHING, GroupCommit, Needs
from gerai.messaging.job import JobRow, Result
from gerai.messaging.jobs import JobKind, WhenUnknown
from gerai.messaging.memory.relaying import MemoryDueTimers, MemoryLease, MemoryLeases, MemoryParkedRecords
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.parking import Parking
from gerai.messaging.storage import Batch, TimerRow
from gerai.messaging.timers import Timers
from gerai.messaging.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def what_greeting_needs(name: str, *, tenant: str | None, at: datetime, times: int) -> Needs:
    return Needs(weight=len(f"{tenant}{name}") * times + at.year)


@command(needs=what_greeting_needs)
async def greet(uow: UnitOfWork, at: datetime, name: str, *, loudly: bool, times: int = 1) -> None: ...


async def say_nothing(uow: UnitOfWork, at: datetime) -> None: ...


class TestNeeds:
    @pytest.mark.parametrize(
        ("args", "kwargs", "weight"),
        [
            (("La Ode",), {"loudly": True}, 2026 + 10),
            ((), {"name": "La Ode", "loudly": True, "times": 2}, 2026 + 20),
        ],
    )
    def test_follow_from_the_arguments_of_the_use_case(self, args, kwargs, weight) -> None:
        assert needs_of(greet, args, kwargs, tenant="muna", at=NOW) == Needs(weight=weight)

    def test_are_nothing_where_the_use_case_says_nothing(self) -> None:
        assert needs_of(say_nothing, (), {}, tenant=None, at=NOW) is NOTHING

    def test_of_a_reaction_follow_from_its_event(self) -> None:
        def what_hearing_needs(event: str) -> Needs:
            return Needs(weight=len(event))

        @command(needs=what_hearing_needs)
        async def when_called_listen(event: str, envelope: str, *, uow: UnitOfWork, at: datetime) -> None: ...

        needs = needs_of(when_called_listen, ("A-012", "envelope"), {}, tenant=None, at=NOW)
        assert needs == Needs(weight=5)

    @pytest.mark.parametrize("mistake", ["another name", "another type"])
    def test_that_ask_for_what_the_use_case_does_not_have_are_found_at_its_definition(self, mistake) -> None:
        def misnamed(nama: str) -> Needs:
            return NOTHING

        def mistyped(name: int) -> Needs:
            return NOTHING

        with pytest.raises(UnknownArgument, match=r"greet has no such argument"):
            command(needs=misnamed if mistake == "another name" else mistyped)(greet)


class ReadingStorage(MemoryStorage):
    """Tells what was read by id."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]:
        self.read += [id for ids in wanted.values() for id in ids]
        return await super().fetch(wanted)


def jar(key: str) -> Needs:
    return Needs(aggregates=((Jar, key),))


class TestWhatAUseCaseNeeds:
    """Nobody but who runs it asks for it: these use cases themselves read nothing."""

    async def test_is_read_before_a_reaction(self) -> None:
        def what_it_needs(envelope: Envelope) -> Needs:
            return jar(envelope.subject)

        @command(needs=what_it_needs)
        async def react(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None: ...

        storage = ReadingStorage()
        async with GroupCommit(storage, source="test") as commit:
            consumer = Consumer(
                Subscription(group=GROUP, handlers={JarFilled: react}),
                commit=commit,
                parking=Parking(GROUP, MemoryParkedRecords(storage)),
                now=lambda: NOON,
            )
            await consumer.handle(records("j1"))
        assert set(storage.read) == {"j1"}

    async def test_is_read_before_a_timer_is_handled(self) -> None:
        def what_it_needs(timer: TimerRow, *, tenant: str | None) -> Needs:
            return jar(f"{timer.key} of {tenant}")

        @command(needs=what_it_needs)
        async def ring(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None: ...

        storage = ReadingStorage()
        due = TimerRow(id="ring:j1", name="ring", key="j1", tenant="muna", due=NOON, version=1)
        await storage.commit(Batch(timers_set=[due]))
        async with GroupCommit(storage, source="test") as commit:
            lease = MemoryLease(MemoryLeases(), "timers", "one")
            timers = Timers(
                MemoryDueTimers(storage), {"ring": ring}, commit=commit, lease=lease, now=lambda: NOON
            )
            await timers.turn()
        assert set(storage.read) == {"j1 of muna"}

    async def test_is_read_before_a_job_is_completed(self) -> None:
        def what_it_needs(job: JobRow) -> Needs:
            return jar(job.key)

        @command(needs=what_it_needs)
        async def complete(job: JobRow, result: Result, *, uow: UnitOfWork, at: datetime) -> None: ...

        storage = ReadingStorage()
        office = Office(storage)
        kind = JobKind(name="pay", perform=office.bank, complete=complete, when_unknown=WhenUnknown.HOLD)
        await office.wants("j1")
        await office.works_until(lambda: office.rows == 0, "the job is completed", kind)
        assert set(storage.read) == {"j1"}

    async def test_is_found_where_the_use_case_is_a_method(self) -> None:
        class Ear:
            def what_it_needs(name: str) -> Needs:  # noqa: N805  a plain function; it only stands here
                return jar(name)

            @command(needs=what_it_needs)
            async def hear(self, name: str, *, uow: UnitOfWork, at: datetime) -> None: ...

        assert needs_of(Ear().hear, ("j1",), {}, tenant=None, at=NOW) == jar("j1")
