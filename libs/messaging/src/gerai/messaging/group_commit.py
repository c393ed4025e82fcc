"""Group commit: commands that arrive together are committed together.

A majority transaction costs about the same for one command as for fifty. While one group commits, the
next gathers; nobody waits to fill a group, but while a group reads it takes in who comes. Within a group
commands run one after the other in memory, so those on the same aggregate see each other; a refused one
drops out alone; a group that cannot be written is read again and retried, then in halves, so that one bad
member does not hurt the others. Who comes next is decided by regency and weight (`fair_queue`), and a
transaction is bounded, so that nobody waits long for a stranger's command.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.conflicts import Resistance
from gerai.messaging.context import Context
from gerai.messaging.failures import is_away
from gerai.messaging.fair_queue import FairQueue, QueueFull
from gerai.messaging.member import NOTHING as NOTHING
from gerai.messaging.member import Command as Command
from gerai.messaging.member import Member, Outcome
from gerai.messaging.member import Needs as Needs
from gerai.messaging.metrics import GROUP_SIZE
from gerai.messaging.storage import (
    Batch,
    Conflict,
    IdempotencyKey,
    KeyTaken,
    Storage,
    StoreBusy,
    StoredAnswer,
    TooManyWaiting,
    Unstorable,
)
from gerai.messaging.unit_of_work import Identity, IdentityMap, UnitOfWork

log = structlog.get_logger(__name__)

WARM_LIMIT = 500
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 0.002, 0.1
TAKES_IN = 3
"""How often an open group reads on for those who came meanwhile."""
QUIET_TURNS = 2
"""Turns of the loop that bring nobody: then nobody is at the door."""
WORTH_ASKING = 10
"""Start reading once this many have arrived; whoever comes later is read beside them."""
STUCK_S = 240.0
"""Longer than the driver retries one transaction."""
WRITES_LIMIT = 500
"""Documents of one transaction, after which no further command is run for it: what the members said of their weight
is a hint, this is a bound."""
COOL_DOWN_S = 0.5
"""After a conflict another process is at work on the same data: trusting attempts would be wasted for a while."""


class GroupCommit:
    """The one way to change state. One per process and database; start with `async with`."""

    def __init__(
        self,
        storage: Storage,
        *,
        source: str,
        group_limit: int = 64,
        waiting_limit: int = 2_000,
        flow_limit: int = 1_000,
        attempts: int = 25,
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """`group_limit`: what the members of a group weigh together; one that weighs more is written alone.
        `waiting_limit`, `flow_limit`: commands that may wait, of all and of one regency."""
        self._storage = storage
        self._source = source
        self._group_limit = group_limit
        self._attempts = attempts
        self._on_commit = on_commit
        self._warm: dict[Identity, Aggregate] = {}
        self._trust_from = 0.0
        self._moved = time.monotonic()
        self._commit_s = SHORTEST_PAUSE_S
        """What a commit takes at present; who was overtaken waits about as long, and the winner is through."""
        self._waiting: FairQueue[Member] = FairQueue(limit=waiting_limit, flow_limit=flow_limit)
        self._in_hand: list[Member] = []
        self._arrived = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "GroupCommit":
        self._task = asyncio.create_task(self._work(), name="group-commit")
        return self

    async def __aexit__(self, *_: object) -> None:
        """What was accepted is finished before this returns."""
        self._closing = True
        self._arrived.set()
        if self._task is not None:
            await self._task

    def progress(self) -> Mapping[str, str]:
        """Liveness: groups come and go while anybody waits for an answer."""
        silent, wait = time.monotonic() - self._moved, len(self._in_hand) + len(self._waiting)
        stuck = wait and silent > STUCK_S
        return {"group-commit": f"{wait} wait, nothing moved for {silent:.0f} s"} if stuck else {}

    async def execute(
        self,
        command: Command,
        *,
        context: Context,
        idempotency_key: IdempotencyKey | None = None,
        needs: Needs = NOTHING,
    ) -> StoredAnswer | None:
        """Run a command and return its answer after its changes are durable.

        Under an idempotency key that was used before, the first answer is returned and nothing runs.
        Raises, with nothing changed: what the command raised (Refusal, …); the refusal of a declared unique index, or
        KeyTaken where none is declared; Contended; TooManyWaiting when the caller's regency has too many commands
        waiting; Unstorable; the driver's error.
        """
        if self._closing:
            raise StoreBusy("the process is about to stop")
        _check_names(idempotency_key, needs)
        if not self._in_hand and not self._waiting:  # that nothing moved before was no sign of anything
            self._moved = time.monotonic()
        flow = (context.tenant, "" if context.tenant is not None else context.actor)
        member = Member(command, context, idempotency_key, needs, flow, needs.weight)
        try:
            given_up = self._waiting.put(member)
        except QueueFull:
            raise TooManyWaiting from None
        if given_up is not None:
            _fail([given_up], TooManyWaiting())
        self._arrived.set()
        return await member.answer

    async def _work(self) -> None:
        while not (self._closing and not self._waiting):
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            self._moved = time.monotonic()
            group = self._in_hand = await self._at_the_door([])
            try:
                await self._settle(group, trusting=time.monotonic() >= self._trust_from, is_open=True)
            except Exception as error:  # noqa: BLE001  the loop must go on; each waiting caller gets the error
                log.error("group-failed", error=repr(error), size=len(group))
                _fail(group, error)
            self._in_hand = []

    async def _at_the_door(self, group: Sequence[Member]) -> list[Member]:
        """Who waits, and who is about to: requests come in bursts, and while the turns of the loop bring some they
        are let in, as many as are worth a question of their own."""
        seen, quiet, most = 0, 0, min(self._room(group), WORTH_ASKING)
        while quiet < QUIET_TURNS and len(self._waiting) < most:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == seen else 0
            seen = len(self._waiting)
        return self._arrivals(group)

    def _arrivals(self, group: Sequence[Member]) -> list[Member]:
        """Who comes next and fits in the group, without those whose callers have gone away."""
        taken = self._waiting.take(self._room(group), is_empty=not group)
        return [member for member in taken if not member.answer.done()]

    def _room(self, group: Sequence[Member]) -> int:
        return self._group_limit - sum([member.weight for member in group])

    async def _settle(self, group: list[Member], *, trusting: bool, is_open: bool = False) -> None:
        """Write the group, retrying; in halves where retrying together does not help.

        A trusting attempt reads less: it takes warm aggregates from memory and does not look idempotency keys up.
        Versions and unique keys still guard what it writes; an outcome that writes nothing, or that rests on something
        remembered that it does not write, is only believed after fresh reads. A store that is away fails everybody at once: they would only wait for it one after the other.
        """
        resistance = Resistance()
        for attempt in range(self._attempts):
            try:
                doubtful = await self._attempt(
                    group, resistance.unseen, trusting=trusting, is_open=is_open and attempt == 0
                )
            except Conflict as conflict:
                self._cool_down()
                resistance.met(conflict, afresh=not trusting)
                if resistance.is_final(alone=len(group) == 1):
                    break
                if not trusting:
                    await asyncio.sleep(random.uniform(0.2, 1.5) * self._commit_s)
                trusting = False
            except _StoreFailed as error:
                if len(group) == 1 or is_away(error.cause):
                    _fail(group, error.cause)
                    return
                break
            else:
                if doubtful:
                    await self._settle(doubtful, trusting=False)
                return
        if len(group) == 1:
            _fail(group, resistance.told())
            return
        half = len(group) // 2
        await self._settle(group[:half], trusting=False)
        await self._settle(group[half:], trusting=False)

    def _cool_down(self) -> None:
        self._warm.clear()
        self._trust_from = time.monotonic() + COOL_DOWN_S

    async def _attempt(
        self, group: list[Member], unseen: set[Identity], *, trusting: bool, is_open: bool = False
    ) -> list[Member]:
        """One try. Returns the members whose outcome rests on unread state. `unseen`: aggregates that somebody added
        under ids which were taken; they are read, and such ones added to it."""
        identity_map = IdentityMap(self._storage, self._warm if trusting else {})
        if unseen:
            await self._look_at(unseen, identity_map)
        if is_open:
            known = await self._read_with_late_ones(group, identity_map, trusting=trusting)
        else:
            known = await self._read(group, identity_map, trusting=trusting)
        outcomes: list[Outcome] = []
        for member in group:
            if identity_map.writes >= WRITES_LIMIT:
                self._waiting.put_back(group[len(outcomes) :])
                del group[len(outcomes) :]
                break
            outcomes.append(await self._run(member, identity_map, known, trusting=trusting))
        if not trusting:
            outcomes = await self._unless_done_before(outcomes)
        batch = identity_map.sealed()
        if not batch.is_empty():
            try:
                await self._write(batch)
            except KeyTaken as taken:
                if taken.is_an_id:
                    unseen.update((type(one), one.id) for one in batch.added)
                raise
            GROUP_SIZE.observe(len(group))
            self._keep_warm(identity_map)
        for outcome in outcomes:
            if not outcome.doubtful:
                outcome.tell()
        return [outcome.member for outcome in outcomes if outcome.doubtful]

    async def _look_at(self, unseen: set[Identity], identity_map: IdentityMap) -> None:
        try:
            await identity_map.load(unseen)
        except Exception as error:
            raise _StoreFailed(error) from error

    async def _read_with_late_ones(
        self, group: list[Member], identity_map: IdentityMap, *, trusting: bool
    ) -> dict[str, StoredAnswer]:
        """An open group takes in who comes while it reads: its reading goes on beside their parsing.

        What they need is read after they came, though the group knows it: they must see all that was answered
        before. Nobody is run before all is read.
        """
        known: dict[str, StoredAnswer] = {}
        part, again = list(group), False
        for turn in range(1 + TAKES_IN):
            readings: list[Awaitable[dict[str, StoredAnswer]]] = []
            while part:
                readings.append(
                    asyncio.create_task(self._read(part, identity_map, trusting=trusting, again=again))
                )
                part, again = await self._at_the_door(group), True
                group.extend(part)
            for answers in await asyncio.gather(*readings):
                known.update(answers)
            if turn < TAKES_IN:  # who comes now is read in another turn, or belongs to the next group
                part = self._arrivals(group)
                group.extend(part)
            if not part:
                break
        return known

    async def _read(
        self, members: Sequence[Member], identity_map: IdentityMap, *, trusting: bool, again: bool = False
    ) -> dict[str, StoredAnswer]:
        """What they need, into the identity map, and the answers that some of them had before."""
        try:
            known, _, _ = await asyncio.gather(
                self._answers(members, trusting=trusting),
                identity_map.load(
                    [one for member in members for one in member.needs.aggregates],
                    again=again,
                    afresh=[one for member in members for one in member.needs.afresh],
                ),
                identity_map.run(
                    [
                        one.within(member.context.tenant)
                        for member in members
                        for one in member.needs.selections
                    ],
                    again=again,
                ),
            )
        except Exception as error:
            raise _StoreFailed(error) from error
        return known

    async def _unless_done_before(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Idempotency keys and state are read at different moments: between them the first run of a retry may have committed
        elsewhere, and then it is that run which stands in the way of the second. It gets the first one's answer."""
        refused = [one.member for one in outcomes if one.error is not None]
        try:
            earlier = await self._answers(refused, trusting=False)
        except Exception as error:
            raise _StoreFailed(error) from error
        return [
            Outcome.repeated(one.member, key, earlier[key.key])
            if one.error is not None and (key := one.member.idempotency_key) and key.key in earlier
            else one
            for one in outcomes
        ]

    async def _answers(self, group: Sequence[Member], *, trusting: bool) -> dict[str, StoredAnswer]:
        keys = [member.idempotency_key for member in group if member.idempotency_key is not None]
        return await self._storage.answers(keys) if keys and not trusting else {}

    async def _write(self, batch: Batch) -> None:
        begun = time.monotonic()
        try:
            await self._storage.commit(batch)
        except Conflict:
            raise
        except Exception as error:
            raise _StoreFailed(error) from error
        took = self._commit_s + 0.2 * (time.monotonic() - begun - self._commit_s)
        self._commit_s = min(max(took, SHORTEST_PAUSE_S), LONGEST_PAUSE_S)
        self._on_commit()

    def _keep_warm(self, identity_map: IdentityMap) -> None:
        for identity in identity_map.touched:
            if identity[0].warm and (state := identity_map.known[identity]) is not None:
                self._warm[identity] = state
                while len(self._warm) > WARM_LIMIT:
                    del self._warm[next(iter(self._warm))]

    async def _run(
        self, member: Member, identity_map: IdentityMap, known: dict[str, StoredAnswer], *, trusting: bool
    ) -> Outcome:
        key = member.idempotency_key
        if key is not None and (earlier := known.get(key.key)) is not None:
            return Outcome.repeated(member, key, earlier)
        unit = UnitOfWork(identity_map, member.context, source=self._source)
        try:
            answer = await member.command(unit)
            if trusting and unit.rests_on_memory():
                return Outcome(member, answer, doubtful=True)
            await unit.provide_keys(for_answer=key is not None and key.keeps_answer)
            told = kept = None
            if key is not None:
                told = StoredAnswer.under(key, answer)
                kept = (key, unit.sealed(told, key))
            if not unit.join(idempotency_key=kept, also_unchanged=not trusting) and trusting:
                return Outcome(member, answer, doubtful=True)
        except Conflict:
            raise
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            return Outcome(member, error=RuntimeError("the command cancelled itself"), doubtful=trusting)
        except Exception as error:  # noqa: BLE001  one member's fault is its caller's answer, not the group's
            return Outcome(member, error=error, doubtful=trusting)
        if key is not None and told is not None:
            known[key.key] = told
        return Outcome(member, answer)


class _StoreFailed(Exception):
    """What the group reads or writes together could not be read or written."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(repr(cause))
        self.cause = cause


def _fail(group: list[Member], error: Exception) -> None:
    for member in group:
        if not member.answer.done():
            member.answer.set_exception(error)


def _check_names(idempotency_key: IdempotencyKey | None, needs: Needs) -> None:
    """A group reads all its members' names in one question; one that no question can hold is refused at the door.
    Raises Unstorable."""
    try:
        if idempotency_key is not None:
            idempotency_key.key.encode()
        for _, id in (*needs.aggregates, *needs.afresh):
            id.encode()
    except UnicodeEncodeError:
        raise Unstorable("an idempotency key or an id is not Unicode text") from None
