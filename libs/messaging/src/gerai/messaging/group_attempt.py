"""One try to commit a group: read what its members need, run them one after the other in memory, write all at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from gerai.messaging.command_queue import CommandQueue
from gerai.messaging.identity_map import Identity, IdentityMap
from gerai.messaging.member import Member, Outcome
from gerai.messaging.metrics import GROUP_SIZE
from gerai.messaging.storage import Batch, Conflict, KeyTaken, Storage, StoredAnswer
from gerai.messaging.trusted_memory import TrustedMemory
from gerai.messaging.unit_of_work import UnitOfWork

TAKES_IN = 3
"""How often an open group reads on for those who came meanwhile."""
WRITES_LIMIT = 500
"""Documents of one transaction, after which no further command is run for it: what the members said of their weight
is a hint, this is a bound."""
SHORTEST_COMMIT_S, LONGEST_COMMIT_S = 0.002, 0.1


class StoreFailed(Exception):
    """What the group reads or writes together could not be read or written."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(repr(cause))
        self.cause = cause


class GroupAttempt:
    """Makes the tries of one process, one after the other."""

    def __init__(
        self,
        storage: Storage,
        queue: CommandQueue,
        memory: TrustedMemory,
        *,
        source: str,
        on_commit: Callable[[], None],
    ) -> None:
        self._storage = storage
        self._queue = queue
        self._memory = memory
        self._source = source
        self._on_commit = on_commit
        self.commit_s = SHORTEST_COMMIT_S
        """What a commit takes at present."""

    async def once(
        self, group: list[Member], unseen: set[Identity], *, trusting: bool, is_open: bool = False
    ) -> list[Member]:
        """One try. Returns the members whose outcome rests on unread state. `unseen`: aggregates that somebody added
        under ids which were taken; they are read, and such ones added to it."""
        identity_map = IdentityMap(self._storage, self._memory.warm if trusting else {})
        if unseen:
            await self._look_at(unseen, identity_map)
        if is_open:
            known = await self._read_with_late_ones(group, identity_map, trusting=trusting)
        else:
            known = await self._read(group, identity_map, trusting=trusting)
        outcomes: list[Outcome] = []
        for member in group:
            if identity_map.writes >= WRITES_LIMIT:
                self._queue.put_back(group[len(outcomes) :])
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
            self._memory.keep(identity_map)
        for outcome in outcomes:
            if not outcome.doubtful:
                outcome.tell()
        return [outcome.member for outcome in outcomes if outcome.doubtful]

    async def _look_at(self, unseen: set[Identity], identity_map: IdentityMap) -> None:
        try:
            await identity_map.load(unseen)
        except Exception as error:
            raise StoreFailed(error) from error

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
                part, again = await self._queue.gather(group), True
                group.extend(part)
            for answers in await asyncio.gather(*readings):
                known.update(answers)
            if turn < TAKES_IN:  # who comes now is read in another turn, or belongs to the next group
                part = self._queue.take(group)
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
            raise StoreFailed(error) from error
        return known

    async def _unless_done_before(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Idempotency keys and state are read at different moments: between them the first run of a retry may have committed
        elsewhere, and then it is that run which stands in the way of the second. It gets the first one's answer."""
        refused = [one.member for one in outcomes if one.error is not None]
        try:
            earlier = await self._answers(refused, trusting=False)
        except Exception as error:
            raise StoreFailed(error) from error
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
            raise StoreFailed(error) from error
        took = self.commit_s + 0.2 * (time.monotonic() - begun - self.commit_s)
        self.commit_s = min(max(took, SHORTEST_COMMIT_S), LONGEST_COMMIT_S)
        self._on_commit()

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
