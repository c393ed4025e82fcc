"""A small mall to test with, and the register as a registrar works with it."""

import json
from datetime import UTC, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from gerai.messaging.context import Context
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.storage import OutboxRow, Storage, StoredAnswer
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.calendar import Calendar
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import Entry
from gerai.registry.domain.institution import Institution, WarningRule
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.use_cases.read_entry import read_entry
from gerai.registry.use_cases.register_entry import register_entry
from gerai.registry.use_cases.replace_entry import replace_entry, withdraw_entry

E = TypeVar("E", bound=Entry)

TENANT = "muna-barat"
MORNING = datetime(2026, 11, 24, 1, tzinfo=UTC)
"""09:00 of a Tuesday in Makassar."""
RULE = WarningRule(days_before=30, zone=ZoneInfo("Asia/Makassar"))

STANDARD = {
    "requirements": ["KTP elektronik"],
    "procedure": "Ambil nomor, lalu ke loket.",
    "duration": "1 hari kerja",
    "fee": "Gratis",
    "product": "NIB",
    "complaints": "Meja pengaduan",
}
SITE: dict[str, Any] = {"name": "MPP Muna Barat", "zone": "Asia/Makassar"}
INSTITUTION: dict[str, Any] = {"name": "DPMPTSP", "kind": "regency"}
COUNTER: dict[str, Any] = {"name": "DPMPTSP", "site_id": "mpp", "institution_id": "dpmptsp"}
SERVICE: dict[str, Any] = {"name": "NIB", "counter_id": "dpmptsp", "prefix": "A", "standard": STANDARD}
DESK: dict[str, Any] = {"name": "Loket 1", "counter_id": "dpmptsp", "service_ids": ["nib"]}
CALENDAR: dict[str, Any] = {"week": [{"weekday": 0, "intervals": [{"opens": "08:00", "closes": "15:30"}]}]}

MALL: tuple[tuple[type[Entry], str, dict[str, Any]], ...] = (
    (Site, "mpp", SITE),
    (Institution, "dpmptsp", INSTITUTION),
    (Counter, "dpmptsp", COUNTER),
    (Service, "nib", SERVICE),
    (Desk, "loket-1", DESK),
    (Calendar, "site:mpp", CALENDAR),
)


class Registrar:
    """Acts for one regency through the use cases."""

    def __init__(self, storage: Storage, commit: GroupCommit, *, tenant: str = TENANT) -> None:
        self.storage = storage
        self.commit = commit
        self.tenant = tenant
        self.context = Context(tenant=tenant, actor="registrar", correlation_id="test")

    async def registers(self, kind: type[E], id: str, stated: dict[str, Any], at: datetime = MORNING) -> None:
        facts = kind.facts_type.model_validate_json(json.dumps(stated))
        await self.does(lambda uow: register_entry(uow, at, kind, id, facts, rule=RULE))

    async def replaces(
        self,
        kind: type[E],
        id: str,
        stated: dict[str, Any],
        *,
        version: int | None = None,
        at: datetime = MORNING,
    ) -> None:
        facts = kind.facts_type.model_validate_json(json.dumps(stated))
        known = version if version is not None else (await self.reads(kind, id)).version
        await self.does(lambda uow: replace_entry(uow, at, kind, id, facts, version=known, rule=RULE))

    async def withdraws(self, kind: type[E], id: str, *, at: datetime = MORNING) -> None:
        version = (await self.reads(kind, id)).version
        await self.does(lambda uow: withdraw_entry(uow, at, kind, id, version=version, rule=RULE))

    async def reads(self, kind: type[E], id: str) -> E:
        return await read_entry(kind, id, tenant=self.tenant, storage=self.storage)

    async def opens_mall(self) -> None:
        for kind, id, stated in MALL:
            await self.registers(kind, id, stated)

    async def does(self, use_case: Any) -> Any:
        outcome: list[Any] = []

        async def command(uow: UnitOfWork) -> StoredAnswer | None:
            outcome[:] = [await use_case(uow)]
            return None

        await self.commit.execute(command, context=self.context)
        return outcome[0]


def bodies(rows: list[OutboxRow], topic: str) -> list[dict[str, Any]]:
    """What was said on a topic, oldest first."""
    return [json.loads(row.body) for row in rows if row.topic == topic]
