"""The twin of `mongo.storage`: documents in dictionaries, the same answers and the same refusals."""

import copy
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.selection import Selection
from gerai.messaging.storage import (
    AlreadyDone,
    Batch,
    Once,
    OutboxRow,
    Overtaken,
    StoredAnswer,
    TimerGone,
    TimerRow,
)


class MemoryStorage:
    """Implements the `Storage` port; everything it holds is open to a test's eyes."""

    def __init__(self) -> None:
        self.aggregates: dict[type[Aggregate], dict[str, Aggregate]] = defaultdict(dict)
        self.outbox: list[OutboxRow] = []
        self.once: dict[tuple[str, str], StoredAnswer] = {}
        self.timers: dict[str, TimerRow] = {}
        self.documents: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.commits = 0

    async def fetch(self, wanted: Mapping[type[Aggregate], Collection[str]]) -> list[Aggregate]:
        return [
            self.aggregates[kind][id].forked()
            for kind, ids in wanted.items()
            for id in ids
            if id in self.aggregates[kind]
        ]

    async def select(self, selections: Sequence[Selection[Any]]) -> list[list[Any]]:
        return [self._select(selection) for selection in selections]

    def _select(self, selection: Selection[Any]) -> list[Any]:
        whole = selection.kind.part_of or selection.kind
        every = [one.forked() for one in self.aggregates[whole].values() if selection.matches(one)]
        found = selection.sorted(every)[: selection.limit]
        if whole is selection.kind:
            return found
        return [selection.kind.model_validate(one.model_dump()) for one in found]

    async def answers(self, keys: Sequence[Once]) -> dict[str, StoredAnswer]:
        found = {once.key: self.once.get((once.kind.value, once.key)) for once in keys}
        return {key: answer for key, answer in found.items() if answer is not None}

    async def commit(self, batch: Batch) -> None:
        self._check(batch)
        for aggregate in [*batch.added, *(changed for changed, _ in batch.changed)]:
            self.aggregates[type(aggregate)][aggregate.id] = aggregate.forked()
        self.outbox.extend(batch.outbox)
        self.once.update({(once.kind.value, once.key): answer for once, answer in batch.once})
        for done in batch.timers_done:
            del self.timers[done.id]
        for id in batch.timers_cancelled:
            self.timers.pop(id, None)
        self.timers.update({row.id: row for row in batch.timers_set})
        for write in batch.documents:
            if write.document is None:
                self.documents[write.collection].pop(write.id, None)
            else:
                self.documents[write.collection][write.id] = copy.deepcopy(dict(write.document))
        self.commits += 1

    def _check(self, batch: Batch) -> None:
        for aggregate in batch.added:
            if aggregate.id in self.aggregates[type(aggregate)]:
                raise AlreadyDone("a unique key was taken meanwhile")
        for aggregate, read in batch.changed:
            stored = self.aggregates[type(aggregate)].get(aggregate.id)
            if stored is None or stored.version != read.version:
                raise Overtaken(f"{aggregate.collection} changed meanwhile")
        for once, _ in batch.once:
            if (once.kind.value, once.key) in self.once:
                raise AlreadyDone("a once-key was used meanwhile")
        for done in batch.timers_done:
            stored_timer = self.timers.get(done.id)
            if stored_timer is None or stored_timer.version != done.version:
                raise TimerGone("a timer was already handled")
