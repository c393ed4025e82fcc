"""The catalogue of all regencies: one that has very much in it takes no place from another."""

import pytest
from queue_builders import RULES, SMALL

from gerai.contracts.registry import SiteChanged
from gerai.messaging.memory.storage import MemoryStorage
from gerai.queue.adapters import catalogue_replica
from gerai.queue.domain.register_entry import CatalogueRevision, RegisterEntry, entry_id
from gerai.queue.domain.rules import SiteRules

MANY = 30


def site(tenant: str, id: str) -> SiteChanged:
    return SiteChanged(tenant=tenant, id=id, name=id, zone="Asia/Makassar", address="", active=True)


def learn(storage: MemoryStorage, *events) -> None:
    for event in events:
        id = entry_id(event)
        storage.aggregates[RegisterEntry][id] = RegisterEntry(
            id=id, tenant=event.tenant, version=1, type=event.type, sequence=1, body=event.model_dump_json()
        )
        storage.aggregates[CatalogueRevision][event.tenant] = CatalogueRevision(
            id=event.tenant, tenant=event.tenant, version=1, changes=1
        )


async def test_a_regency_with_very_many_entries_and_rules_pushes_out_nobody_elses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(catalogue_replica, "MOST_OF_REGENCY", len(SMALL))
    storage = MemoryStorage()
    learn(storage, *(site("buton", f"a-{number:02}") for number in range(MANY)), *SMALL)
    rules = storage.aggregates[SiteRules]
    own = RULES.model_copy(update={"recall_limit": RULES.recall_limit + 1})
    for tenant, id in (*(("buton", f"a-{number:02}") for number in range(MANY)), ("muna-barat", "mpp")):
        rules[id] = SiteRules(id=id, tenant=tenant, version=1, rules=own)
    replica = catalogue_replica.CatalogueReplica(storage)
    await replica.refresh()
    found = replica.current
    assert found.service("nib", tenant="muna-barat").id == "nib"
    assert found.rules_of("mpp") == own
    assert found.knows_site("a-00")
    assert not found.knows_site(f"a-{MANY - 1:02}"), "it has more than its share"
