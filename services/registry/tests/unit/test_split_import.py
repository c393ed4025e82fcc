"""An import in parts: after each of them the register is sound, and after the last as if it were one transaction."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from registry_builders import COUNTER, DESK, INSTITUTION, MORNING, RULE, SERVICE, SITE, Registrar

from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import Entry
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.register import Register
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.use_cases.import_entries import (
    ImportRows,
    Rehearsal,
    UnableToImport,
    import_entries,
    import_part,
    rehearse_import,
)
from gerai.registry.use_cases.take_rows import Row

Stated = tuple[type[Entry], str, dict[str, Any]]
KINDS: tuple[type[Entry], ...] = (Site, Institution, Counter, Service, Desk)
ACTIVE = st.booleans()


def rows(stated: list[Stated]) -> ImportRows:
    read = [
        Row(path=f"{kind.section}.{n}", kind=kind, id=id, facts=kind.facts_type.model_validate(facts))
        for n, (kind, id, facts) in enumerate(stated)
    ]
    return ImportRows(rows=read)


@st.composite
def files(draw: st.DrawFn) -> list[Stated]:
    """A small mall that fits: some of it withdrawn, and nothing active on it; prefixes in any order."""
    prefixes = draw(st.permutations("ABCDE"))
    below: list[Stated] = []
    for number, prefix in enumerate(prefixes):
        counter = {"counter_id": f"c{1 + number % 2}"}
        if draw(st.integers(0, 3)):
            more = counter | {"prefix": prefix, "active": draw(ACTIVE)}
            below.append((Service, f"s{number}", SERVICE | more))
        if draw(ACTIVE):
            more = counter | {"service_ids": [], "active": draw(ACTIVE)}
            below.append((Desk, f"d{number}", DESK | more))
    needed = {facts["counter_id"] for _, _, facts in below if facts["active"]}
    above: list[Stated] = [(Site, "mpp", SITE)]
    for id, parent in (("c1", "i1"), ("c2", "i2")):
        active = id in needed or draw(ACTIVE)
        above.append((Counter, id, COUNTER | {"institution_id": parent, "active": active}))
        above.append((Institution, parent, INSTITUTION | {"active": active or draw(ACTIVE)}))
    return sorted([*above, *below], key=lambda one: KINDS.index(one[0]))


@asynccontextmanager
async def register() -> AsyncIterator[Registrar]:
    storage = MemoryStorage()
    async with GroupCommit(storage, source="/gerai/registry") as commit:
        yield Registrar(storage, commit)


async def at_once(registrar: Registrar, read: ImportRows) -> Any:
    return await registrar.does(lambda uow: import_entries(read, uow=uow, at=MORNING, rule=RULE))


async def rehearsed(registrar: Registrar, read: ImportRows, part: int = 1) -> Rehearsal:
    uow = UnitOfWork(IdentityMap(registrar.storage, {}), registrar.context, source="/gerai/registry")
    return await rehearse_import(read, uow=uow, at=MORNING, rule=RULE, part=part)


async def in_parts(registrar: Registrar, read: ImportRows, part: int) -> int:
    """How many there were."""
    parts = (await rehearsed(registrar, read, part)).parts
    for numbers in parts:
        await registrar.does(
            lambda uow, numbers=numbers: import_part(read, numbers, uow=uow, at=MORNING, rule=RULE)
        )
        assert_sound(registrar.storage)
    return len(parts)


def assert_sound(storage: Any) -> None:
    """What the register promises to those who read it."""

    def of(kind: type[Entry]) -> dict[str, Any]:
        return storage.aggregates[kind]

    for service in of(Service).values():
        assert not service.active or of(Counter)[service.counter_id].active
    for desk in of(Desk).values():
        assert not desk.active or of(Counter)[desk.counter_id].active
    for counter in of(Counter).values():
        assert not counter.active or of(Institution)[counter.institution_id].active
    called = [(one.site_id, one.prefix) for one in of(Service).values() if one.active]
    assert len(called) == len(set(called)), "two services call out the same number"
    [whole] = storage.aggregates[Register].values()
    assert sorted(place[:2] for place in whole.prefixes) == sorted(called)


def facts(storage: Any) -> dict[tuple[type[Entry], str], dict[str, Any]]:
    return {(kind, id): one.facts() for kind in KINDS for id, one in storage.aggregates[kind].items()}


@given(files(), files(), st.integers(1, 4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
async def test_whatever_fits_as_a_whole_fits_part_by_part(before, after, part: int) -> None:
    async with register() as whole, register() as divided:
        for registrar in (whole, divided):
            await at_once(registrar, rows(before))
        read = rows(after)
        try:
            await at_once(whole, read)
        except UnableToImport:  # what the file does not name is in its way
            return
        await in_parts(divided, read, part)
        assert facts(divided.storage) == facts(whole.storage)


async def test_prefixes_that_go_round_are_given_in_one_part() -> None:
    services = [(Service, f"s{n}", SERVICE | {"prefix": prefix}) for n, prefix in enumerate("ABCD")]
    mall = [(Site, "mpp", SITE), (Institution, "dpmptsp", INSTITUTION), (Counter, "dpmptsp", COUNTER)]
    turned = [(Service, f"s{n}", SERVICE | {"prefix": prefix}) for n, prefix in enumerate("BCAD")]
    async with register() as registrar:
        await at_once(registrar, rows([*mall, *services]))
        assert await in_parts(registrar, rows(turned), 1) == 1


async def test_prefixes_that_move_on_are_given_one_after_the_other() -> None:
    services = [(Service, f"s{n}", SERVICE | {"prefix": prefix}) for n, prefix in enumerate("ABCD")]
    mall = [(Site, "mpp", SITE), (Institution, "dpmptsp", INSTITUTION), (Counter, "dpmptsp", COUNTER)]
    moved = [(Service, f"s{n}", SERVICE | {"prefix": prefix}) for n, prefix in enumerate("BCDE")]
    async with register() as registrar:
        await at_once(registrar, rows([*mall, *services]))
        assert await in_parts(registrar, rows(moved), 1) == 4


async def test_rows_that_change_nothing_are_in_no_part() -> None:
    mall = [(Site, "mpp", SITE), (Institution, "dpmptsp", INSTITUTION), (Counter, "dpmptsp", COUNTER)]
    async with register() as registrar:
        await at_once(registrar, rows(mall))
        rehearsal = await rehearsed(registrar, rows([*mall, (Service, "s", SERVICE)]))
    assert [list(part) for part in rehearsal.parts] == [[3]]
    assert rehearsal.report.unchanged == 3
