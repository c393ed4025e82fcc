"""The register on real MongoDB, with both drivers: what is written is read, and two processes see each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from registry_builders import CALENDAR, INSTITUTION, MALL, SERVICE, SITE, TENANT, Registrar

from gerai.chassis.testing import own_database
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.mongo.driver import Driver
from gerai.messaging.mongo.storage import MongoStorage
from gerai.registry.adapters.indexes import INDEXES
from gerai.registry.domain.calendar import Calendar
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.desk import Desk
from gerai.registry.domain.entry import UnableToRegister
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.service import Service
from gerai.registry.domain.site import Site
from gerai.registry.use_cases.list_entries import list_entries


@pytest.fixture(params=list(Driver))
async def storage(request: pytest.FixtureRequest, mongodb_uri: str) -> AsyncIterator[MongoStorage]:
    async with own_database(mongodb_uri, "registry", driver=request.param, indexes=INDEXES) as database:
        yield MongoStorage(database, INDEXES)


@pytest.fixture
async def other_process(storage: MongoStorage) -> AsyncIterator[GroupCommit]:
    """A second replica: it shares the database with the registrar, and nothing else."""
    async with GroupCommit(storage, source="/gerai/registry") as commit:
        yield commit


class TestKept:
    async def test_what_was_stated_is_read_back(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        for kind, id, stated in MALL:
            entry = await registrar.reads(kind, id)
            assert entry.facts() == kind.facts_type.model_validate(stated).__dict__

    async def test_dates_and_agreements_survive(self, registrar: Registrar) -> None:
        await registrar.opens_mall()
        agreement = {"number": "PKS/01", "starts": "2026-01-02", "ends": "2027-01-01"}
        await registrar.registers(Institution, "bri", INSTITUTION | {"agreement": agreement})
        holidays = [{"date": "2026-08-17", "name": "Kemerdekaan", "kind": "national"}]
        stated = CALENDAR | {"holidays": holidays, "force_open": ["2026-12-25"]}
        await registrar.registers(Calendar, "counter:dpmptsp", stated)
        assert (await registrar.reads(Institution, "bri")).model_dump(mode="json")["agreement"] == agreement
        calendar = (await registrar.reads(Calendar, "counter:dpmptsp")).model_dump(mode="json")
        assert (calendar["holidays"], calendar["force_open"]) == (holidays, ["2026-12-25"])

    async def test_a_list_goes_through_every_page_and_only_ones_own_regency(
        self, registrar: Registrar, storage: MongoStorage
    ) -> None:
        for n in range(7):
            await registrar.registers(Site, f"mpp-{n}", SITE)
        await Registrar(storage, registrar.commit, tenant="muna").registers(Site, "mpp-9", SITE)
        seen: list[str] = []
        after = ""
        while True:
            page = await list_entries(
                Site, tenant=TENANT, where={"active": True}, after=after, limit=3, storage=storage
            )
            seen += [site.id for site in page.entries]
            if page.next_after is None:
                break
            after = page.next_after
        assert seen == [f"mpp-{n}" for n in range(7)]


class TestTwoProcesses:
    async def test_a_prefix_is_given_once(self, registrar, storage, other_process) -> None:
        await registrar.opens_mall()
        second = Registrar(storage, other_process)
        outcomes = await asyncio.gather(
            *(
                who.registers(Service, f"{name}{n}", SERVICE | {"prefix": "C"})
                for n in range(6)
                for name, who in (("a", registrar), ("b", second))
            ),
            return_exceptions=True,
        )
        assert sum(one is None for one in outcomes) == 1
        assert {one.code for one in outcomes if isinstance(one, UnableToRegister)} == {"prefix_taken"}

    async def test_no_service_joins_a_counter_that_is_withdrawn_meanwhile(
        self, registrar, storage, other_process
    ) -> None:
        await registrar.opens_mall()
        await registrar.withdraws(Service, "nib")
        await registrar.withdraws(Desk, "loket-1")
        second = Registrar(storage, other_process)
        outcomes = await asyncio.gather(
            registrar.withdraws(Counter, "dpmptsp"),
            second.registers(Service, "sip", SERVICE | {"prefix": "B"}),
            return_exceptions=True,
        )
        assert sum(isinstance(one, UnableToRegister) for one in outcomes) == 1

    async def test_two_regencies_want_one_id_and_one_has_it(self, registrar, storage, other_process) -> None:
        stranger = Registrar(storage, other_process, tenant="muna")
        outcomes = await asyncio.gather(
            registrar.registers(Site, "mpp", SITE),
            stranger.registers(Site, "mpp", SITE),
            return_exceptions=True,
        )
        [refused] = [one for one in outcomes if one is not None]
        assert isinstance(refused, UnableToRegister)
        assert refused.code == "id_taken"
