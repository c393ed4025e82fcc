"""What the commands of one group share: the state that was read, and the batch that they want written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.sealing import NOTHING_AT_HAND, KeyedCipher
from gerai.messaging.selection import Selection
from gerai.messaging.storage import Batch, Keys, Storage

Identity = tuple[type[Aggregate], str]


class IdentityMap:
    """The state that the commands of one group share: what was read, and what the earlier ones made of it."""

    def __init__(self, storage: Storage, warm: Mapping[Identity, Aggregate]) -> None:
        """`warm`: what the process remembers of what it wrote. Others may have changed it since."""
        self._storage = storage
        self.known: dict[Identity, Aggregate | None] = dict(warm)
        """Newest state of each aggregate in this group. None: looked for, and not there."""
        self.stored: dict[Identity, Aggregate] = dict(warm)
        """Each known aggregate as it stands in the store; a new one is not in here."""
        self.touched: set[Identity] = set()
        self.remembered = set(warm)
        """What was taken from memory, and not read from the store since."""
        self.selected: dict[tuple[Any, ...], list[Any]] = {}
        """What was found, as it was read."""
        self._asked_last: dict[tuple[Any, ...], int] = {}
        self._questions = 0
        self._by_anchor: dict[tuple[type[Aggregate], str], dict[Any, set[Identity]]] = {}
        self.batch = Batch()

    @property
    def vault(self) -> Keys:
        return self._storage.vault

    @property
    def writes(self) -> int:
        """Documents that the batch writes, as far as its members have run."""
        batch = self.batch
        return (
            len(self.touched)
            + len(batch.guarded)
            + len(batch.outbox)
            + len(batch.idempotency_keys)
            + len(batch.documents)
        )

    async def load(
        self, identities: Iterable[Identity], *, again: bool = False, afresh: Iterable[Identity] = ()
    ) -> None:
        """Ask the store for what this group does not know yet; with `again` for all but what it remembers; and for
        what is wanted `afresh`, remembered or not."""
        unread = {
            one for one in identities if one not in self.known or (again and one not in self.remembered)
        }
        wanted: dict[type[Aggregate], set[str]] = {}
        for identity in unread.union(afresh):
            wanted.setdefault(identity[0], set()).add(identity[1])
        if wanted:
            for aggregate in await self._storage.fetch(wanted):
                self._learn(aggregate)
        for kind, ids in wanted.items():  # only now is it known that one is not there
            for id in ids:
                self.known.setdefault((kind, id), None)

    async def run(self, selections: Sequence[Selection[Any]], *, again: bool = False) -> None:
        """Ask the store for selections that this group has not asked yet, in one round trip; with `again` for all."""
        fresh = {one.key: one for one in selections if again or one.key not in self.selected}
        if not fresh:
            return
        self._questions += 1
        asked = self._questions
        self._asked_last.update(dict.fromkeys(fresh, asked))
        for key, found in zip(fresh, await self._storage.select(list(fresh.values())), strict=True):
            for aggregate in found:
                self._learn(aggregate)
            if self._asked_last[key] == asked:  # else it was asked again meanwhile, and that answer counts
                self.selected[key] = found

    def touch(self, identity: Identity, state: Aggregate, *, read: Aggregate | None) -> None:
        """A command of this group has changed it; this is its newest state. `read`: what the command changed. If it is
        the first of the group, that must still stand in the store, whatever was read since."""
        if identity not in self.touched:
            self.stored.pop(identity, None)
            if read is not None:
                self.stored[identity] = read
        self.known[identity] = state
        self.touched.add(identity)
        for (kind, field), index in self._by_anchor.items():
            if kind is identity[0]:
                index.setdefault(getattr(state, field), set()).add(identity)

    def touched_like(self, selection: Selection[Any]) -> Iterable[Identity]:
        """Touched aggregates that a selection may hold now: those with its anchor's value, so that a large group
        does not look at everybody's changes for each of its members."""
        anchor = selection.anchor
        if anchor is None:
            return [one for one in self.touched if one[0] is selection.kind]
        field, value = anchor
        index = self._by_anchor.get((selection.kind, field))
        if index is None:
            index = self._by_anchor[selection.kind, field] = {}
            for one in self.touched:
                if one[0] is selection.kind:
                    index.setdefault(getattr(self.known[one], field), set()).add(one)
        return index.get(value, ())

    def _learn(self, aggregate: Aggregate) -> None:
        """The newest that was read counts; what the group has changed itself is newer than anything stored."""
        identity = (type(aggregate), aggregate.id)
        known = self.known.get(identity)
        self.remembered.discard(identity)
        if identity not in self.touched and (known is None or known.version < aggregate.version):
            self.known[identity] = aggregate
            self.stored[identity] = aggregate

    def take(self, part: Batch, states: Mapping[Identity, tuple[Aggregate, Aggregate | None]]) -> None:
        """What one command wants written becomes the group's. It is brought into the store's own form before anything
        of it is taken, so that what cannot be written stays with its command. Raises Unstorable.

        `states`: the aggregates in `part`, each with what the command has changed (None: a new one)."""
        for identity, (new, read) in states.items():
            stored = self.stored.get(identity) if identity in self.touched else read
            if stored is None:
                part.added.append(new)
            else:
                part.changed.append((new, stored))
        encoded = self._storage.encode(part)
        batch = self.batch
        if part.cipher is not NOTHING_AT_HAND:
            batch.cipher = KeyedCipher({**batch.cipher.keys, **part.cipher.keys})
        batch.encoded.update(encoded)
        for identity, (new, read) in states.items():
            self.touch(identity, new, read=read)
        batch.guarded.extend(part.guarded)
        batch.outbox.extend(part.outbox)
        batch.idempotency_keys.extend(part.idempotency_keys)
        batch.cancel_timers(part.timers_cancelled)
        batch.timers_set.extend(part.timers_set)  # a timer that is set after it was cancelled stands
        batch.timers_done.extend(part.timers_done)
        batch.jobs_wanted.extend(part.jobs_wanted)
        batch.jobs_done.extend(part.jobs_done)
        batch.documents.extend(part.documents)

    def _still_guarded(self) -> Iterable[Aggregate]:
        """Each once, in the oldest state by which a command has decided."""
        oldest: dict[Identity, Aggregate] = {}
        for guarded in self.batch.guarded:
            identity = (type(guarded), guarded.id)
            if identity not in oldest or guarded.version < oldest[identity].version:
                oldest[identity] = guarded
        for identity, guarded in oldest.items():
            changed = self.stored.get(identity) if identity in self.touched else None
            if changed is None or changed.version != guarded.version:
                yield guarded

    def sealed(self) -> Batch:
        """The batch with the final state of every touched aggregate. What is changed needs no guard beside it."""
        self.batch.guarded = list(self._still_guarded())
        for identity in self.touched:
            aggregate = self.known[identity]
            assert aggregate is not None
            stored = self.stored.get(identity)
            if stored is None:
                self.batch.added.append(aggregate)
            else:
                self.batch.changed.append((aggregate, stored))
        return self.batch
