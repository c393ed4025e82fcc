"""A command that waits for its turn in a group, what it says beforehand, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.refusal import UnableToRepeat
from gerai.messaging.selection import Selection
from gerai.messaging.storage import IdempotencyKey, StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork

Command = Callable[[UnitOfWork], Awaitable[StoredAnswer | None]]
"""Runs a use case on the unit of work given and says what to answer. It must have no other side effect: it may
run again."""


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a command will read; the group fetches it for all its members at once. A hint, never a promise."""

    aggregates: Sequence[tuple[type[Aggregate], str]] = ()
    selections: Sequence[Selection[Any]] = ()
    afresh: Sequence[tuple[type[Aggregate], str]] = ()
    """Aggregates that decide and are not always written: read though the process remembers them, which spares the
    command a second run."""
    weight: int = 1
    """About how many aggregates the command changes. Commands of a regency that weigh more get fewer turns."""


NOTHING = Needs()


@dataclass(eq=False)
class Member:
    command: Command
    context: Context
    idempotency_key: IdempotencyKey | None
    needs: Needs
    flow: tuple[str | None, str]
    """Whose turn it takes: its regency's; the system's own work and the visitors', each by its actor's name."""
    weight: int
    answer: "asyncio.Future[StoredAnswer | None]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def fail(self, error: Exception) -> None:
        """Nothing, where it has its answer or its caller has gone away."""
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(frozen=True)
class Outcome:
    """What became of a member in one try."""

    member: Member
    answer: StoredAnswer | None = None
    error: Exception | None = None
    doubtful: bool = False
    """It rests on what was not read afresh, and no version guards that: it wrote nothing, or something else."""

    @classmethod
    def repeated(cls, member: Member, idempotency_key: IdempotencyKey, earlier: StoredAnswer) -> "Outcome":
        """What a run under the same idempotency key was answered before."""
        if not idempotency_key.fits(earlier.fingerprint):
            return cls(member, error=UnableToRepeat("idempotency_key_reused", field="Idempotency-Key"))
        if earlier.forgotten:
            return cls(member, error=UnableToRepeat("answer_forgotten", field="Idempotency-Key"))
        return cls(member, replace(earlier, repeated=True))

    def tell(self) -> None:
        waiting = self.member.answer
        if waiting.done():  # the caller went away meanwhile
            return
        if self.error is not None:
            waiting.set_exception(self.error)
        else:
            waiting.set_result(self.answer)
