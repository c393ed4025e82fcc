"""What one command sees of the store, and what it wants written.

Commands of one group share a `IdentityMap`; each works on its own `UnitOfWork`, whose changes join the
gathering only when the command succeeds. See `group_commit`.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import uuid_utils.compat as uuids

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.context import Context
from gerai.messaging.identity_map import Identity as Identity
from gerai.messaging.identity_map import IdentityMap as IdentityMap
from gerai.messaging.job import Job, JobRow, Priority
from gerai.messaging.outbox_rows import moved_on
from gerai.messaging.personal import Forgotten
from gerai.messaging.personal_keys import keys_of
from gerai.messaging.refusal import UnableToAdd, UnableToFind
from gerai.messaging.sealed_answers import sealed_for
from gerai.messaging.sealing import DataKey, KeyedCipher
from gerai.messaging.selection import Selection
from gerai.messaging.storage import (
    Batch,
    Conflict,
    DocumentWrite,
    IdempotencyKey,
    OutboxRow,
    StoredAnswer,
    TimerRow,
)

A = TypeVar("A", bound=Aggregate)


class UnitOfWork:
    """One command's view. Not for use after the command returned: its aggregates belong to the group then."""

    def __init__(self, identity_map: IdentityMap, context: Context, *, source: str) -> None:
        self._identity_map = identity_map
        self._source = source
        self.context = context
        self._forks: dict[Identity, Aggregate] = {}
        self._before: dict[Identity, Aggregate | None] = {}
        self._not_there: set[Identity] = set()
        """What this command was told does not exist."""
        self._from_memory: set[Identity] = set()
        """What it was given as the process remembers it, whatever was read since."""
        self._guarded: set[Identity] = set()
        self._timers_set: list[TimerRow] = []
        self._timers_done: list[TimerRow] = []
        self._timers_cancelled: list[str] = []
        self._jobs_wanted: list[JobRow] = []
        self._jobs_done: list[Job] = []
        self._documents: list[DocumentWrite] = []
        self._forwarded: list[OutboxRow] = []
        self._keys: dict[str, DataKey | Forgotten] = {}

    async def find(self, kind: type[A], id: str) -> A | None:
        """The aggregate to read or change, or None; another regency's is None, too. Changes are saved on success."""
        identity = (kind, id)
        if identity not in self._identity_map.known and identity not in self._forks:
            await self._identity_map.load([identity])
        return self._own(kind, identity)

    async def owner_of(self, kind: type[A], id: str) -> str | None:
        """The regency that has an id, also where it is another than the caller's; None: nobody has it."""
        identity = (kind, id)
        if await self.find(kind, id) is None and identity not in self._forks:
            return None
        return self._forks[identity].tenant

    async def prefetch(
        self, identities: Iterable[Identity] = (), selections: Sequence[Selection[Any]] = ()
    ) -> None:
        """Read at once what the command will ask for one by one; where something must be read first, after that."""
        await self._identity_map.load(identities)
        await self._identity_map.run([one.within(self.context.tenant) for one in selections])

    def _own(self, kind: type[A], identity: Identity) -> A | None:
        """This command's own copy of what is known."""
        found = self._forks.get(identity)
        if found is None:
            known = self._identity_map.known[identity]
            if known is None:
                self._not_there.add(identity)
                return None
            self._before[identity] = known
            if identity in self._identity_map.remembered:
                self._from_memory.add(identity)
            found = self._forks[identity] = known.forked()
        assert isinstance(found, kind)
        if self.context.tenant is not None and found.tenant != self.context.tenant:
            return None
        return found

    async def get(self, kind: type[A], id: str, *, guard: bool = False) -> A:
        """As `find`. Raises UnableToFind.

        `guard`: the command decides by it and may leave it as it is; what it changes elsewhere is written only while
        this still stands as it was read. Versions guard only what is written: without this, two commands of two
        processes may each decide by what the other changes, and both take effect (write skew). It costs a write, and
        commands that guard the same aggregate take turns.
        """
        found = await self.find(kind, id)
        if found is None:
            raise UnableToFind(kind.word, id)
        if guard:
            self._guarded.add((kind, id))
        return found

    async def find_or_add(self, new: A) -> A:
        """The aggregate that has the id of `new`; if there is none, `new`, added. Raises as `add`."""
        known = await self.find(type(new), new.id)
        if known is None:
            self.add(new)
        return known or new

    async def select(self, selection: Selection[A], *, first: int | None = None) -> list[A]:
        """The aggregates of a selection, or the first so many, with what this group has already changed taken into
        account. They are the context's regency's; where the context has none the selection states whose it means.

        The group asks the store once per equal selection, so build it from coarse values (no running clock). Where
        the group has used up what was read it reads on: let `limit` be a little above `first`. Fewer than asked for
        means that there are no more.
        """
        selection = selection.within(self.context.tenant)
        wanted = selection.limit if first is None else first
        while True:
            chosen, is_all = await self._window(selection)
            if is_all or len(chosen) >= wanted:
                return self._owned(chosen[:wanted])
            selection = replace(selection, limit=2 * selection.limit)

    async def select_of_each(self, selection: Selection[A], values: Sequence[Any], *, first: int) -> list[A]:
        """The first so many with each of these values of the field that the order begins with, mostly in one question.

        `values`: all that the field can have, in their order. One whose first are not all among the `limit` that were
        read is asked for by itself.
        """
        selection = selection.within(self.context.tenant)
        chosen, is_all = await self._window(selection)
        field = selection.order[0][0]
        places = {value: place for place, value in enumerate(values)}
        parts: dict[Any, list[A]] = {value: [] for value in values}
        for one in chosen:
            parts[getattr(one, field)].append(one)
        read_to = (
            len(values) if is_all else places[getattr(self._identity_map.selected[selection.key][-1], field)]
        )
        found: list[A] = []
        for value in values:
            if places[value] < read_to or len(parts[value]) >= first:
                found += self._owned(parts[value][:first])
            else:
                of_it = replace(selection, where={**selection.where, field: value}, order=selection.order[1:])
                found += await self.select(of_it, first=first)
        return found

    async def _window(self, selection: Selection[A]) -> tuple[list[A], bool]:
        """What fits now, in order, as far as the store was read; and whether that is all there is."""
        await self._identity_map.run([selection])
        read: list[A] = self._identity_map.selected[selection.key]
        chosen = self._of_those(read, selection)
        if len(read) < selection.limit:
            return chosen, True
        if not chosen or chosen[-1] is not read[-1]:
            # beyond the last one that was read others may stand, unread
            chosen = selection.before(chosen, read[-1])
        return chosen, False

    def _owned(self, chosen: Iterable[A]) -> list[A]:
        own = (self._own(type(one), (type(one), one.id)) for one in chosen)
        return [one for one in own if one is not None]

    def _of_those(self, read: Sequence[A], selection: Selection[A]) -> list[A]:
        """What fits now, in order: of those that were read, and of what the group or this command has changed."""
        identity_map, kind = self._identity_map, selection.kind
        moved = {*identity_map.touched_like(selection), *(one for one in self._forks if one[0] is kind)}
        chosen: list[A] = []
        for one in read:
            identity = (kind, one.id)
            if identity in moved or identity in identity_map.touched:
                continue
            as_read = identity_map.known[identity] is one
            if as_read:  # it stands in order and fits
                chosen.append(one)
            else:
                moved.add(identity)
        newest = [self._newest(identity, kind) for identity in moved]
        fitting = [one for one in newest if one is not None and selection.matches(one)]
        return selection.sorted([*chosen, *fitting]) if fitting else chosen

    def _newest(self, identity: Identity, kind: type[A]) -> A | None:
        newest = self._forks.get(identity) or self._identity_map.known[identity]
        assert newest is None or isinstance(newest, kind)
        return newest

    def add(self, aggregate: Aggregate) -> None:
        """A new aggregate. Raises UnableToAdd where the group knows the id, another regency's too. An id that is taken
        unseen makes the group read again: when it is written, or at once (Conflict) where the command was told that
        it is free and has read since that it is not."""
        identity = (type(aggregate), aggregate.id)
        if identity in self._not_there and self._identity_map.known.get(identity) is not None:
            raise Conflict("somebody else was faster to add it")
        if identity in self._forks or self._identity_map.known.get(identity) is not None:
            raise UnableToAdd("id_taken", field="id", id=aggregate.id)
        if aggregate.followed:
            aggregate.traceparent = self.context.traceparent
        self._forks[identity] = aggregate
        self._before[identity] = None

    def schedule(
        self, name: str, key: str, *, due: datetime, tenant: str, payload: dict[str, str] | None = None
    ) -> None:
        """Set (or move) a durable timer; `due` is business time. Runs once on any number of replicas."""
        self._timers_set.append(
            TimerRow(
                id=f"{name}:{key}",
                name=name,
                key=key,
                tenant=tenant,
                due=due,
                payload=payload or {},
                version=time.time_ns(),
            )
        )

    def cancel_timer(self, name: str, key: str) -> None:
        id = f"{name}:{key}"
        self._timers_set = [row for row in self._timers_set if row.id != id]
        self._timers_cancelled.append(id)

    def complete_timer(self, timer: TimerRow) -> None:
        """The timer that caused this command; the command takes effect only if it still stands."""
        self._timers_done.append(timer)

    def want_job(
        self,
        kind: str,
        key: str,
        *,
        tenant: str,
        payload: Mapping[str, str] | None = None,
        priority: Priority = Priority.NORMAL,
        not_before: datetime | None = None,
    ) -> None:
        """Have the outside asked for something after this command; see `job`. Wanting the same kind and key again
        changes nothing while the job stands. `payload`: references, no personal data; `not_before`: real time, UTC."""
        self._jobs_wanted.append(
            JobRow(
                id=f"{kind}:{key}",
                kind=kind,
                key=key,
                tenant=tenant,
                payload=payload or {},
                priority=priority,
                not_before=not_before,
                idempotency_key=str(uuids.uuid7()),
                correlation_id=self.context.correlation_id,
                traceparent=self.context.traceparent,
            )
        )

    def complete_job(self, job: Job) -> None:
        """The job that caused this command; the command takes effect only while the job's lease is held."""
        self._jobs_done.append(job)

    def write_document(self, collection: str, id: str, document: dict[str, Any] | None) -> None:
        """A plain document beside the aggregates, in the same transaction; None deletes it."""
        self._documents.append(DocumentWrite(collection=collection, id=id, document=document))

    def forward(self, row: OutboxRow) -> None:
        """A record that is not this aggregate's event but must leave with this transaction: a dead letter."""
        self._forwarded.append(row)

    async def provide_keys(self, *, for_answer: bool) -> None:
        """The keys of the people whose data the command writes; `for_answer`: and of those whose it has looked at.
        Before `join`. Raises UnableToKeepPersonalData."""
        personal = [one for one in self._forks if one[0].mapper.is_personal]
        if not personal:
            return
        looked_at, written = set[str](), set[str]()
        for identity in personal:
            rows = identity[0].mapper.encrypted.rows(self._forks[identity].__dict__)
            looked_at |= rows
            written |= rows if self._is_changed(identity) else set()
        wanted = looked_at if for_answer else written
        self._keys = await keys_of(wanted, written, uow=self, wrapping=self._identity_map.vault.wrapping)

    def sealed(self, answer: StoredAnswer, key: IdempotencyKey) -> StoredAnswer:
        """As it is kept: nobody can read it once a person whose data the command saw is forgotten."""
        return sealed_for(answer, self._keys, key.key) if self._keys else answer

    def rests_on_memory(self) -> bool:
        """Whether it has looked at what this process only remembers, and leaves it as it is: no version guards that."""
        return any(
            one not in self._identity_map.touched and not self._is_changed(one)
            for one in self._from_memory - self._guarded
        )

    def other_traces(self) -> set[str]:
        """The traceparents, other than the request's own, that this command's events travel with."""
        own = (None, self.context.traceparent)
        return {
            one.traceparent
            for one in self._forks.values()
            if one.recorded and one.traceparent not in own  # only a followed aggregate has one
        }

    def _is_changed(self, identity: Identity) -> bool:
        fork, before = self._forks[identity], self._before[identity]
        return before is None or bool(fork.recorded) or fork.__dict__ != before.__dict__

    def join(
        self,
        *,
        idempotency_key: tuple[IdempotencyKey, StoredAnswer] | None = None,
        also_unchanged: bool = True,
    ) -> bool:
        """The command succeeded: its changes become part of the group, with its idempotency key, if it has one. False: it
        changed nothing, and then its idempotency key joins only with `also_unchanged`. Raises Unstorable where its changes
        have no form in the store; nothing of it has joined then."""
        part = Batch(
            documents=self._documents,
            timers_set=self._timers_set,
            timers_done=self._timers_done,
            timers_cancelled=self._timers_cancelled,
            jobs_wanted=self._jobs_wanted,
            jobs_done=self._jobs_done,
        )
        if self._keys:
            part.cipher = KeyedCipher(self._keys)
        states: dict[Identity, tuple[Aggregate, Aggregate | None]] = {}
        for identity, fork in self._forks.items():
            if self._is_changed(identity):
                before = self._before[identity]
                part.outbox.extend(moved_on(fork, before, context=self.context, source=self._source))
                states[identity] = (fork, before)
        part.outbox.extend(self._forwarded)
        changed = bool(states) or not part.is_empty()
        if changed:
            part.guarded.extend(self._guards(states))
        if idempotency_key is not None and (changed or also_unchanged):
            part.idempotency_keys.append(idempotency_key)
        if states or not part.is_empty():
            self._identity_map.take(part, states)
        return changed

    def _guards(self, states: Mapping[Identity, Any]) -> Iterable[Aggregate]:
        """What it was told to guard, as it stands in the store; what the group has changed is guarded by its version."""
        for identity in self._guarded - states.keys() - self._identity_map.touched:
            if (as_read := self._before[identity]) is not None:
                yield as_read
