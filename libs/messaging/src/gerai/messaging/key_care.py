"""What keeps the keys of people in order, in every worker; the lease lets one of them work at a time.

* **Rewrapping.** When the newest key-encryption key is another one, all rows that an older one wrapped are wrapped anew, in
  steps, each a command like any other: a person who is forgotten meanwhile stays so, and whoever stops in between goes on
  behind what was done. The older key may be taken away when `gerai_keys_to_rewrap` is 0 in every service.
* **Sweeping.** When a person is forgotten, hashes of searchable fields still stand beside what nobody can read. They are
  taken away.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from gerai.messaging import metrics
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.cipher import Unopenable
from gerai.messaging.context import Context
from gerai.messaging.failures import OUTSIDE, is_nobodys_fault
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.lease import HeldLease, Lease
from gerai.messaging.sealing import WrappingKeys
from gerai.messaging.subject_keys import SubjectKey
from gerai.messaging.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

STEP = 50
PAUSE_S = 0.05
"""Between two steps. So at most a thousand keys a second, beside everybody's commands."""
LOOK_S = 20.0
STANDBY_S = 5.0
STUCK_S = 240.0
CONTEXT = Context(tenant=None, actor="key-care", correlation_id="key-care")


@dataclass(frozen=True)
class Hashed:
    """Where hashes of one person's values may stand."""

    collection: str
    subject_field: str
    name: str
    """Of the hash."""


class KeyRows(Protocol):
    """Questions to the rows of `subject_keys` that a selection has no words for, and the sweep."""

    async def wrapped_otherwise(self, wrapped_with: str, *, beyond: str, limit: int) -> list[str]:
        """Ids, in order, of rows that another key-encryption key has wrapped."""
        ...

    async def count_wrapped_otherwise(self, wrapped_with: str) -> int: ...

    async def unswept(self, limit: int) -> list[str]:
        """Ids of those who were forgotten and not swept yet."""
        ...

    async def remove_hashes(self, hashed: Hashed, *, tenant: str, subject: str) -> int: ...


def hashes_of(kinds: Sequence[type[Aggregate]]) -> list[Hashed]:
    return [
        Hashed(kind.collection, subject, name)
        for kind in kinds
        if kind.part_of is None
        for subject, name in kind.mapper.encrypted.hashes_by_subject
    ]


class KeyCare:
    """`run` until cancelled."""

    def __init__(
        self,
        rows: KeyRows,
        keys: WrappingKeys,
        hashed: Sequence[Hashed],
        *,
        commit: GroupCommit,
        lease: Lease,
    ) -> None:
        self._rows = rows
        self._keys = keys
        self._hashed = hashed
        self._commit = commit
        self._lease = lease
        self._held_lease = HeldLease(lease)
        self._moved = time.monotonic()

    def progress(self) -> Mapping[str, str]:
        silent = time.monotonic() - self._moved
        return {"key-care": f"silent for {silent:.0f} s"} if silent > STUCK_S else {}

    async def run(self) -> None:
        try:
            self._moved = time.monotonic()
            while True:
                pause = STANDBY_S
                try:
                    if await self._held_lease.holds():
                        await self.turn()
                        pause = LOOK_S
                    self._moved = time.monotonic()
                except OUTSIDE as error:
                    if is_nobodys_fault(error):
                        self._moved = time.monotonic()
                    log.warning("key-care-waits", error=repr(error)[:300])
                await asyncio.sleep(pause)
        finally:
            try:
                await self._lease.release()
            except OUTSIDE as error:
                log.warning("lease-not-released", error=repr(error)[:300])

    async def turn(self) -> None:
        """All that is to be done now, unless another process takes over. A row that cannot be opened keeps no other from
        its turn."""
        await self._rewrap()
        await self._sweep()

    async def _rewrap(self) -> None:
        newest, beyond = self._keys.newest().id, ""
        metrics.KEYS_TO_REWRAP.set(await self._rows.count_wrapped_otherwise(newest))
        while ids := await self._rows.wrapped_otherwise(newest, beyond=beyond, limit=STEP):
            if not await self._held_lease.holds():
                return
            done = await asyncio.gather(*(self._rewrap_one(id) for id in ids))
            metrics.KEYS_REWRAPPED.inc(sum(done))
            metrics.KEYS_TO_REWRAP.set(await self._rows.count_wrapped_otherwise(newest))
            beyond, self._moved = ids[-1], time.monotonic()
            await asyncio.sleep(PAUSE_S)

    async def _rewrap_one(self, id: str) -> bool:
        async def rewrap(uow: UnitOfWork) -> None:
            row = await uow.get(SubjectKey, id)
            row.rewrap(self._keys)

        try:
            await self._commit.execute(rewrap, context=CONTEXT)
        except Unopenable as error:
            metrics.KEYS_NOT_REWRAPPED.inc()
            log.error("key-not-rewrapped", error=str(error)[:300])
            return False
        return True

    async def _sweep(self) -> None:
        while ids := await self._rows.unswept(STEP):
            for id in ids:
                if not await self._held_lease.holds():
                    return
                tenant, _, subject = id.partition(":")
                for hashed in self._hashed:
                    await self._rows.remove_hashes(hashed, tenant=tenant, subject=subject)
                await self._note_swept(id)
                self._moved = time.monotonic()

    async def _note_swept(self, id: str) -> None:
        async def note(uow: UnitOfWork) -> None:
            (await uow.get(SubjectKey, id)).swept = True

        await self._commit.execute(note, context=CONTEXT)
