"""The data map (docs/data-map.md and services/*/data-map.md) says what is so: every collection that anybody writes is on
it, with how long it is kept, and what is said to end has what ends it."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, NamedTuple

import pytest

from gerai.chassis.service_context import Service
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.mongo.storage import messaging_indexes
from gerai.messaging.personal import EncryptedFor, Personal
from gerai.messaging.retention import Keep, Rule, own_rules
from gerai.register import kept_entries
from local.services import declarations

ROOT = Path(__file__).parents[2]
MAP = ROOT / "docs/data-map.md"
LIBRARY = "Every service"
SERVICES = {service.name: service for service in declarations()}
SETTING = re.compile(r"`GERAI_(KEEP_\w+)` = (\d+)")
EXPIRIES = {"keep_answers_days": "answered", "keep_published_days": "sent", "keep_inbox_days": "expiry"}
NAMED = re.compile(r'(?:_?database|collection)\["(\w+)"\]|COLLECTION = "(\w+)"')


class Kept(NamedTuple):
    owner: str
    collection: str
    personal: str
    how_long: str
    how_it_goes: str


def the_map() -> list[Kept]:
    pages = {LIBRARY: MAP} | {name: ROOT / "services" / name / "data-map.md" for name in SERVICES}
    return [
        Kept(owner, collection.strip("`"), personal, how_long, how_it_goes)
        for owner, page in pages.items()
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| `")
        for collection, _, personal, _, how_long, how_it_goes in [
            [cell.strip() for cell in line.strip("|").split("|")]
        ]
    ]


def owner_of(kind: type) -> str:
    return kind.__module__.split(".")[1]


def aggregates(kind: type[Aggregate] = Aggregate) -> set[type[Aggregate]]:
    below = {one for direct in kind.__subclasses__() for one in (direct, *aggregates(direct))}
    return {one for one in below if one.__module__.startswith("gerai.") and owner_of(one) in SERVICES}


def written() -> set[tuple[str, str]]:
    """(owner, collection) of all that the code names."""
    of_kinds = {(owner_of(kind), kind.collection) for kind in aggregates() if hasattr(kind, "collection")}
    of_kinds |= {
        (name, kind.collection)
        for name, service in SERVICES.items()
        if all(index in service.indexes for index in kept_entries.INDEXES)
        for kind in (kept_entries.RegisterEntry, kept_entries.RegisterRevision)
    }
    own = set(messaging_indexes(Keep()))
    for path in (ROOT / "libs/messaging/src").rglob("*.py"):
        for found in NAMED.finditer(path.read_text(encoding="utf-8")):
            own.add(found[1] or found[2])
    return of_kinds | {(LIBRARY, name) for name in own}


def test_every_collection_that_is_written_is_on_the_map_and_no_other() -> None:
    assert {(kept.owner, kept.collection) for kept in the_map()} == written()


@pytest.mark.parametrize("kept", the_map(), ids=lambda kept: f"{kept.owner} {kept.collection}")
def test_what_is_kept_ends_by_a_setting_or_says_why_it_is_bounded(kept: Kept) -> None:
    named = SETTING.findall(kept.how_long)
    if not named:
        assert re.match(r"for good: \w+", kept.how_long), kept.how_long
        return
    services = SERVICES.values() if kept.owner == LIBRARY else [SERVICES[kept.owner]]
    for name, default in named:
        for service in services:
            field = service.settings.model_fields[name.lower()]
            assert field.default == int(default), name
    ended_by = {rule.setting for rule in _rules_of(kept)} | _expiries_of(kept)
    assert {name.lower() for name, _ in named} <= ended_by


def test_every_rule_is_on_the_map_where_its_collection_is() -> None:
    told = {(kept.owner, kept.collection, kind) for kept in the_map() for kind in _kinds(kept)}
    wanted = {(LIBRARY, rule.collection, rule.kind) for rule in own_rules([], [])}
    wanted |= {(name, rule.collection, rule.kind) for name, one in SERVICES.items() for rule in one.retention}
    assert told == wanted


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda one: one.name)
def test_a_setting_stands_behind_every_rule(service: Service) -> None:
    assert {rule.setting for rule in service.retention} <= set(service.settings.model_fields)


def test_a_rule_asks_for_fields_that_the_documents_have() -> None:
    by_collection = {
        kind.collection: kind for kind in aggregates() if hasattr(kind, "collection") and kind.part_of is None
    }
    for service in SERVICES.values():
        for rule in service.retention:
            fields = by_collection[rule.collection].model_fields
            assert {rule.since, *rule.where} <= set(fields), rule.kind


ENCRYPTED = re.compile(r"`(\w+)`(?: \(searchable\))? encrypted for `(\w+)`")
SEARCHABLE = re.compile(r"`(\w+)` \(searchable\)")


def encrypted_of(kind: type[Aggregate]) -> tuple[set[tuple[str, str]], set[str]]:
    """Its encrypted fields, each with the field that says whose it is; and those that can be searched."""
    fields = kind.mapper.encrypted
    return {(name, one.subject) for name, one in fields.marked.items()}, set(fields.searchable)


def told_of(personal: str) -> tuple[set[tuple[str, str]], set[str]]:
    return set(ENCRYPTED.findall(personal)), set(SEARCHABLE.findall(personal))


def test_the_map_says_which_fields_are_encrypted_and_for_whom() -> None:
    kept = {(kind.collection, owner_of(kind)): encrypted_of(kind) for kind in aggregates() if is_kept(kind)}
    told = {(row.collection, row.owner): told_of(row.personal) for row in the_map() if row.owner != LIBRARY}
    assert {place: told.get(place) for place in kept} == kept


def test_an_encrypted_field_is_told_so() -> None:
    class Planted(Aggregate):
        collection: ClassVar[str] = "planted"
        party_id: str
        nik: Annotated[Personal[str], EncryptedFor("party_id", searchable=True)]
        name: Annotated[Personal[str], EncryptedFor("party_id")]

    told = "`nik` (searchable) encrypted for `party_id`, `name` encrypted for `party_id`; pseudonymous: party"
    assert told_of(told) == encrypted_of(Planted)
    assert told_of(told.replace(" (searchable)", "")) != encrypted_of(Planted)
    assert told_of("pseudonymous: party") != encrypted_of(Planted)


def is_kept(kind: type[Aggregate]) -> bool:
    return hasattr(kind, "collection") and kind.part_of is None


def _kinds(kept: Kept) -> list[str]:
    return re.findall(r'"([^"]+)"', kept.how_it_goes)


def _rules_of(kept: Kept) -> list[Rule]:
    every = [*own_rules([], []), *(rule for one in SERVICES.values() for rule in one.retention)]
    return [rule for rule in every if rule.collection == kept.collection and rule.kind in _kinds(kept)]


def _expiries_of(kept: Kept) -> set[str]:
    if kept.owner != LIBRARY:
        return set()
    ending = {
        model.document["name"]
        for model in messaging_indexes(Keep()).get(kept.collection, [])
        if "expireAfterSeconds" in model.document and f"`{model.document['name']}`" in kept.how_it_goes
    }
    return {setting for setting, name in EXPIRIES.items() if name in ending}
