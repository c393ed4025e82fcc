"""Jobs as a state machine: workers freeze and die at any moment, and each job is performed at least once and completed
exactly once.

A worker may freeze before or after anything that it asks of the store or of the outside. A frozen one dies, or goes on
later, when somebody else may have taken its job over. At the end all is healed and worked off.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from job_office import LEASE, Office, answers, breaks
from messaging_builders import NOON, Jar
from pymongo.errors import AutoReconnect

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.job import Done, Failed, Job, JobRow, Outcome, TryAgain
from gerai.messaging.jobs import JobKind, Jobs, WhenUnknown

KEYS = ("a", "b")
BANKS = {
    "pays": lambda: answers(Done(answer={"receipt": "1"})),
    "refuses": lambda: answers(Failed(code="closed_account")),
    "puts off": lambda: answers(TryAgain(reason="night run")),
    "breaks": breaks,
}
ASKED_OF_THE_STORE = ("lease", "begin", "put_back", "keep_result", "hold", "report")
ENOUGH = 30
"""Rounds in which whatever is left is worked off, once nothing fails any more."""


class Watched:
    """Something that a worker asks, with a moment before and a moment after it."""

    def __init__(
        self, inner: Any, names: Iterable[str], moment: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        self._inner, self._names, self._moment = inner, frozenset(names), moment

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._inner, name)
        if name not in self._names:
            return asked

        async def ask(*given: Any, **more: Any) -> Any:
            await self._moment()
            answer = await asked(*given, **more)
            await self._moment()
            return answer

        return ask


class Worker:
    """Takes what is due once. `freezes_at`: so many moments later it stands still, until it is told to go on."""

    def __init__(self, office: Office, kind: JobKind, freezes_at: int | None) -> None:
        self._moments_left = freezes_at
        self.frozen, self._goes_on = asyncio.Event(), asyncio.Event()
        perform = Watched(kind, ("perform",), self.moment).perform
        self._kind = replace(kind, perform=perform)
        self._commit = GroupCommit(Watched(office.storage, ("commit",), self.moment), source="test")
        queue = Watched(office.queue, ASKED_OF_THE_STORE, self.moment)
        self._jobs = Jobs(queue, [self._kind], commit=self._commit, now=lambda: NOON)
        self.task = asyncio.create_task(self._works())

    async def moment(self) -> None:
        if self._moments_left == 0:
            self.frozen.set()
            await self._goes_on.wait()
        if self._moments_left is not None:
            self._moments_left -= 1

    async def _works(self) -> None:
        async with self._commit:
            for job in await self._jobs._lease(self._kind, len(KEYS), without=()):
                await self._jobs._handle(self._kind, job)

    async def until_it_stands(self) -> None:
        freezing = asyncio.create_task(self.frozen.wait())
        await asyncio.wait({self.task, freezing}, return_when=asyncio.FIRST_COMPLETED)
        freezing.cancel()
        if self.task.done():
            self.task.result()

    async def goes_on(self) -> None:
        self._goes_on.set()
        await self.task

    async def dies(self) -> None:
        tasks = {task for task in (self.task, self._commit._task) if task is not None}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


class JobsUnderFire(RuleBasedStateMachine):
    """Side by side: what was wanted, what the bank was asked, and what was completed."""

    def __init__(self, when_unknown: WhenUnknown) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.office = Office()
        self.kind = replace(self.office.kind, perform=self.asked, when_unknown=when_unknown, attempts=1_000)
        self.frozen: list[Worker] = []
        self.wanted: Counter[str] = Counter()
        self.may_have_acted: set[str] = set()
        """Idempotency keys under which the bank was asked, without being sure that it did nothing."""
        self.asked_twice: set[str] = set()
        """Of these: those under which it was asked again. Raised here, it would be the bank's failure."""
        self.asks: Counter[str] = Counter()
        self.unasked: set[str] = set()
        """Idempotency keys of rows that stand; what goes from here unasked must have been settled."""
        self.settled: set[str] = set()
        self.fails: list[Exception] = []
        self._keep_watch()

    def _keep_watch(self) -> None:
        """What the store says no to, and that a lease is nobody else's while it holds."""
        storage, queue = self.office.storage, self.office.queue
        commit, lease = storage.commit, queue.lease

        async def failing(batch: Any) -> None:
            if self.fails and isinstance(self.fails[0], ConnectionAbortedError):  # written, and not told
                await commit(batch)
                self.fails.pop()
                raise AutoReconnect("planted")
            if self.fails:
                raise self.fails.pop()
            await commit(batch)

        async def exclusive(*given: Any, **more: Any) -> list[Job]:
            now = storage.jobs.now
            held = {row.row.id for row in storage.jobs.rows.values() if row.token and row.retry_at > now}
            leased = await lease(*given, **more)
            assert held.isdisjoint(job.row.id for job in leased), "a job is leased to two workers"
            assert not (leased and storage.jobs.resting), "a kind that rests is begun"
            return leased

        storage.commit, queue.lease = failing, exclusive  # type: ignore[method-assign]

    async def asked(self, job: JobRow) -> Outcome:
        key = job.idempotency_key
        if self.kind.when_unknown is not WhenUnknown.PERFORM_AGAIN:
            self.asked_twice |= {key} & self.may_have_acted
        self.asks[key] += 1
        self.may_have_acted.add(key)
        outcome = await self.office.bank(job)
        if isinstance(outcome, TryAgain):
            self.may_have_acted.discard(key)
        return outcome

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        self.loop.run_until_complete(work)

    def teardown(self) -> None:
        try:
            self.run(self.work_off())
        finally:
            self.loop.close()

    @rule(key=st.sampled_from(KEYS))
    def somebody_wants_it(self, key: str) -> None:
        stands = f"pay:{key}" in self.office.storage.jobs.rows
        self.run(self.office.wants(key))
        self.wanted[key] += not stands

    @rule(
        freezes_at=st.none() | st.integers(0, 12),
        bank=st.sampled_from(sorted(BANKS)),
        fails=st.sampled_from((None, AutoReconnect("planted"), ConnectionAbortedError())),
    )
    def a_worker_comes(self, freezes_at: int | None, bank: str, fails: Exception | None) -> None:
        self.office.bank = BANKS[bank]()
        self.fails = [fails] if fails is not None else []
        self.run(self.work(freezes_at))
        self.fails = []

    @rule(key=st.sampled_from(KEYS), freezes_at=st.integers(0, 8), goes_on=st.booleans())
    def a_worker_is_taken_over(self, key: str, freezes_at: int, goes_on: bool) -> None:
        self.somebody_wants_it(key)
        self.a_worker_comes(freezes_at, "pays", None)
        self.office.later(LEASE)
        self.a_worker_comes(None, "pays", None)
        if goes_on:
            self.a_frozen_worker_goes_on(-1)

    @rule(number=st.integers(0, 3))
    def a_frozen_worker_goes_on(self, number: int) -> None:
        if self.frozen:
            self.run(self.frozen.pop(number % len(self.frozen)).goes_on())

    @rule(number=st.integers(0, 3))
    def a_frozen_worker_dies(self, number: int) -> None:
        if self.frozen:
            self.run(self.frozen.pop(number % len(self.frozen)).dies())

    @rule(seconds=st.sampled_from((1, 20, LEASE.total_seconds())))
    def time_passes(self, seconds: float) -> None:
        self.office.later(seconds)

    @rule(rests=st.booleans())
    def an_operator_lets_it_rest_or_go_on(self, rests: bool) -> None:
        self.run(self.office.queue.rest("pay") if rests else self.office.queue.resume("pay"))

    @rule(key=st.sampled_from(KEYS), knows=st.booleans())
    def an_operator_decides(self, key: str, knows: bool) -> None:
        self.run(self.decide(key, knows=knows))

    @invariant()
    def what_does_not_stand_was_completed_once(self) -> None:
        rows, jars = self.office.storage.jobs.rows, self.office.storage.aggregates.get(Jar, {})
        for key in KEYS:
            completed: Any = jars.get(key)
            stands = f"pay:{key}" in rows
            assert (completed.filled if completed else 0) == self.wanted[key] - stands, key

    @invariant()
    def nothing_is_completed_that_was_not_performed(self) -> None:
        stand = {row.row.idempotency_key for row in self.office.storage.jobs.rows.values()}
        if (
            self.kind.when_unknown is not WhenUnknown.COMPLETE
        ):  # there, what was begun and is unknown is completed
            assert all(self.asks[key] or key in self.settled for key in self.unasked - stand)
        self.unasked = stand

    @invariant()
    def nothing_is_asked_again_that_may_have_acted(self) -> None:
        assert not self.asked_twice

    async def work(self, freezes_at: int | None) -> None:
        worker = Worker(self.office, self.kind, freezes_at)
        await worker.until_it_stands()
        if not worker.task.done():
            self.frozen.append(worker)

    async def decide(self, key: str, *, knows: bool) -> None:
        row = self.office.storage.jobs.rows.get(f"pay:{key}")
        idempotency_key = row.row.idempotency_key if row is not None else ""
        if knows and await self.office.queue.settle(f"pay:{key}", Done()):
            self.settled.add(idempotency_key)
        elif not knows and await self.office.queue.release(f"pay:{key}"):
            self.may_have_acted.discard(idempotency_key)

    async def work_off(self) -> None:
        for worker in self.frozen:
            await worker.dies()
        await self.office.queue.resume("pay")
        self.office.bank = BANKS["pays"]()
        for _ in range(ENOUGH):
            self.office.later(timedelta(days=1))
            await self.work(None)
            for key in KEYS:
                await self.decide(key, knows=False)
        assert self.office.rows == 0, "something is left for ever"
        self.what_does_not_stand_was_completed_once()
