"""What a service writes to have the register: the lines of `assemble`, and the indexes."""

from collections.abc import AsyncIterator
from datetime import date

import pytest

from gerai.chassis import Background, Components, Permission, QueriesOf, Routes, Service, ServiceContext
from gerai.chassis.testing import Door, deliver, envelope
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import UnableToFind
from gerai.register.kept_entries import INDEXES, register_subscription
from gerai.register.register import Register
from gerai.register.replica import RegisterReplica
from gerai.register.testing import SMALL, TOLD_AT, calendar, holiday

HOLIDAY = date(2026, 11, 25)


def assemble(service_context: ServiceContext) -> Components:
    replica = RegisterReplica(service_context.storage, Register)
    routes = Routes(tag="deadlines")

    @routes.get(
        "/v1/deadlines/{first}",
        permission=Permission.to("deadlines.look", "officer"),
        summary="Find the fifth working day of the office",
        operation_id="findDeadline",
        refuses=(UnableToFind,),
    )
    async def deadline(first: date, queries: QueriesOf) -> date:
        tenant = queries.uow.context.tenant
        return replica.current.working_days("dpmptsp", site_id="mpp", tenant=tenant).nth_from(first, 5)

    return Components(
        routes=[routes],
        subscriptions=[register_subscription("example.register")],
        background=[
            Background(name="register", run=replica.run, progress=replica.progress, ready=replica.ready)
        ],
    )


service = Service(name="example", title="Example", assemble=assemble, indexes=INDEXES)


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    async with Door.opened(service, MemoryStorage()) as opened:
        yield opened


async def test_has_the_register_by_its_topics_and_counts_by_it(door: Door):
    told = [*SMALL, calendar(holidays=(holiday(HOLIDAY),))]
    await deliver(
        door.components.subscriptions[0],
        [envelope(event, at=TOLD_AT, sequence=number) for number, event in enumerate(told, start=1)],
        storage=door.service_context.storage,
        commit=door.service_context.commit,
        at=TOLD_AT,
    )
    await door.background("register").__self__.refresh()
    answer = await door.client_of("officer", tenant="muna-barat").gets("/v1/deadlines/2026-11-24")
    assert (answer.status_code, answer.json()) == (200, "2026-12-01")
    nobodys = await door.client_of("officer", tenant="buton").gets("/v1/deadlines/2026-11-24")
    assert nobodys.status_code == 404
