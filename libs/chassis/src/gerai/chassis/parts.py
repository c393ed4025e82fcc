"""A command that is too large for one transaction: several, under one idempotency key.

The work is planned once and checked as a whole; then its parts are written, each in a transaction of its own that is
sound by itself. The first one keeps the plan, each keeps its answer, under keys made from the request's. So a client
that repeats its request, also after this process was killed, goes on behind the last part that was written, and gets
the answer that it would have got.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from gerai.chassis.answers import Repeatable
from gerai.messaging.context import Context
from gerai.messaging.group_commit import NOTHING, GroupCommit, Needs
from gerai.messaging.refusal import Refusal, UnableToRepeat
from gerai.messaging.storage import Storage, StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork


class Plan(BaseModel):
    """How the work is divided. Subclasses add what the whole answer needs beside the parts' answers."""

    parts: tuple[tuple[int, ...], ...]
    """Numbers of rows, part by part."""


Planned = TypeVar("Planned", bound=Plan)
Shown = TypeVar("Shown", bound=BaseModel)


class InParts(Protocol[Planned, Shown]):
    """Work that can be divided."""

    @property
    def plan_type(self) -> type[Planned]: ...

    @property
    def view_type(self) -> type[Shown]: ...

    async def plan(self) -> Planned:
        """Check all of it and divide it. Raises the refusal of the whole: nothing is written then."""
        ...

    async def take(self, plan: Planned, number: int, *, uow: UnitOfWork) -> Shown:
        """The use case of one part. It checks its rows again, since others may have changed what they rest on; like
        every use case it may run more than once before it takes effect."""
        ...

    def whole(self, plan: Planned, taken: Sequence[Shown]) -> BaseModel:
        """The answer, from those of the parts."""
        ...


class Unfinished(Exception):
    """A part is refused by now, and others before it were written."""

    def __init__(self, refusal: Refusal, *, rows_written: int) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal
        self.rows_written = rows_written


class _Kept(BaseModel):
    """What a part keeps."""

    plan: Any = None
    """With the first part."""
    answer: Any


@contextmanager
def _saying_what_is_written(plan: Plan, number: int) -> Iterator[None]:
    """Where nothing is written yet, a refusal is the whole's own."""
    try:
        yield
    except Refusal as refusal:
        if number == 0 or isinstance(refusal, UnableToRepeat):
            raise
        raise Unfinished(refusal, rows_written=sum(map(len, plan.parts[:number]))) from refusal


@dataclass(frozen=True)
class LastPart(Generic[Planned, Shown]):
    """It is written under the request's own key, with the whole answer."""

    work: InParts[Planned, Shown]
    plan: Planned
    taken: Sequence[Shown]

    @property
    def needs(self) -> Needs:
        return Needs(weight=max(1, len(self.plan.parts[-1]))) if self.plan.parts else NOTHING

    async def use_case(self, uow: UnitOfWork) -> BaseModel:
        number = len(self.plan.parts) - 1
        last = [await self.work.take(self.plan, number, uow=uow)] if number >= 0 else []
        return self.work.whole(self.plan, [*self.taken, *last])

    def saying_what_is_written(self) -> AbstractContextManager[None]:
        """Around writing it. Raises Unfinished where it is refused and others were written."""
        return _saying_what_is_written(self.plan, len(self.taken))


@dataclass(frozen=True)
class Parts(Generic[Planned, Shown]):
    """One request's work."""

    work: InParts[Planned, Shown]
    commit: GroupCommit
    storage: Storage
    context: Context
    asked: Repeatable

    async def answered(self) -> StoredAnswer | None:
        """What the request was answered before. Raises UnableToRepeat."""
        earlier = await self._kept(self.asked)
        return replace(earlier, repeated=True) if earlier is not None else None

    async def write_all_but_last(self) -> "LastPart[Planned, Shown]":
        """Raises the refusal of the whole, Unfinished, UnableToRepeat."""
        plan = await self._plan()
        taken: list[Shown] = []
        while len(taken) < len(plan.parts) - 1:
            kept = await self._write(plan, len(taken))
            if not taken:  # another run of this request may have been first, and its plan counts
                plan = self.work.plan_type.model_validate(kept.plan)
            taken.append(self.work.view_type.model_validate(kept.answer))
        return LastPart(self.work, plan, taken)

    async def _plan(self) -> Planned:
        """The one that another run of this request began to write, or a new one. A run that began while this one
        planned is seen, too: what it has written would make the new plan another."""
        if (begun := await self._kept(self.asked.part(0))) is None:
            plan = await self.work.plan()
            if (begun := await self._kept(self.asked.part(0))) is None:
                return plan
        return self.work.plan_type.model_validate(_Kept.model_validate_json(begun.body).plan)

    async def _write(self, plan: Planned, number: int) -> _Kept:
        part = self.asked.part(number)

        async def command(uow: UnitOfWork) -> StoredAnswer:
            view = await self.work.take(plan, number, uow=uow)
            kept = _Kept(plan=plan.model_dump() if number == 0 else None, answer=view.model_dump())
            return part.seal(StoredAnswer(body=kept.model_dump_json().encode()))

        with _saying_what_is_written(plan, number):
            answer = await self.commit.execute(
                command,
                context=self.context,
                idempotency_key=part.idempotency_key,
                needs=Needs(weight=len(plan.parts[number])),
            )
        assert answer is not None
        return _Kept.model_validate_json(part.open(answer).body)

    async def _kept(self, asked: Repeatable) -> StoredAnswer | None:
        idempotency_key = asked.idempotency_key
        kept = (await self.storage.answers([idempotency_key])).get(idempotency_key.key)
        if kept is None:
            return None
        if not idempotency_key.fits(kept.fingerprint):
            raise UnableToRepeat("idempotency_key_reused", field="Idempotency-Key")
        return asked.open(kept)
