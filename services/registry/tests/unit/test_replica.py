"""A subscriber that starts a year later rebuilds everything from what compaction leaves."""

import random

import pytest
from registry_builders import COUNTER, INSTITUTION, MALL, SERVICE, Registrar
from registry_replica import Record, Replica, compacted

from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import OutboxRow
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import Entry
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.service import Service


def record(row: OutboxRow) -> tuple[str, Record]:
    headers = tuple((name, value.encode()) for name, value in row.headers.items())
    return row.topic, (row.key.encode(), row.body, headers)


async def a_year_of_changes(registrar: Registrar) -> None:
    await registrar.opens_mall()
    for name in ("DPMPTSP", "Perizinan", "DPMPTSP Muna Barat"):
        await registrar.replaces(Counter, "dpmptsp", COUNTER | {"name": name})
    await registrar.registers(Service, "sip", SERVICE | {"prefix": "B"})
    await registrar.replaces(Service, "nib", SERVICE | {"daily_quota": 12})
    await registrar.withdraws(Desk, "loket-1")
    await registrar.withdraws(Service, "sip")
    agreement = {"number": "PKS/01", "starts": "2026-01-01", "ends": "2027-12-31"}
    await registrar.replaces(Institution, "dpmptsp", INSTITUTION | {"agreement": agreement})


class TestReplica:
    async def test_is_complete_although_only_the_last_record_of_each_key_is_left(
        self, registrar: Registrar, storage: MemoryStorage
    ) -> None:
        await a_year_of_changes(registrar)
        records = compacted(record(row) for row in storage.outbox)
        assert len(records) < len(storage.outbox)
        random.Random(7).shuffle(records)  # topics and partitions are read in any order
        replica = Replica()
        replica.takes(records)
        for kind, _, _ in MALL:
            said = replica.of(kind.changed)
            stored = storage.aggregates[kind]
            assert said.keys() == stored.keys()
            for id, entry in stored.items():
                assert isinstance(entry, Entry)
                assert said[id] == entry.model_dump(mode="json", include=set(kind.changed.model_fields))

    async def test_is_the_same_when_records_come_twice_and_late(self, registrar, storage) -> None:
        await a_year_of_changes(registrar)
        records = [one for _, one in map(record, storage.outbox)]
        idempotency_key, twice = Replica(), Replica()
        idempotency_key.takes(records)
        twice.takes([*records, *records[:5]])
        assert idempotency_key.entries == twice.entries

    @pytest.mark.parametrize("kind", [kind for kind, _, _ in MALL])
    def test_every_fact_is_in_the_event(self, kind: type[Entry]) -> None:
        assert set(kind.facts_type.model_fields) <= set(kind.changed.model_fields)
