"""Deny by default: a route that does not say who may use it keeps the service from starting."""

import pytest
from notes_door import Door, notes_door
from pydantic import BaseModel, ConfigDict

from gerai.chassis import Permission, Rooms, Routes, Service
from gerai.chassis.routes import LooseBody, UndeclaredRoute
from gerai.messaging.memory.storage import MemoryStorage

LOOK = Permission.to("look", "operator")


def silent() -> Routes:
    routes = Routes(tag="x", prefix="/v1")

    @routes.get("/declared", permission=LOOK)
    async def declared() -> None: ...

    @routes.get("/forgotten")
    async def forgotten() -> None: ...

    return routes


class TestDeclarations:
    async def test_a_forgotten_one_is_named_and_nothing_starts(self, storage: MemoryStorage) -> None:
        service = Service(name="x", title="x", assemble=lambda house: Rooms(routes=[silent()]))
        with pytest.raises(UndeclaredRoute, match=r"GET /v1/forgotten$"):
            async with notes_door(storage, service):
                pass

    def test_public_and_a_permission_contradict_each_other(self) -> None:
        with pytest.raises(TypeError, match="GET /a"):
            Routes(tag="x").get("/a", permission=LOOK, public=True)


class Inner(BaseModel):
    text: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    inner: list[Inner]


class TestBodies:
    async def test_a_body_that_swallows_unknown_fields_keeps_it_from_starting(
        self, storage: MemoryStorage
    ) -> None:
        routes = Routes(tag="x")

        @routes.post("/v1/things", permission=LOOK)
        async def take(body: Outer) -> None: ...

        service = Service(name="x", title="x", assemble=lambda house: Rooms(routes=[routes]))
        with pytest.raises(LooseBody, match=r"/v1/things: Inner$"):
            async with notes_door(storage, service):
                pass


class TestRoles:
    async def test_another_role_is_refused(self, door: Door, storage: MemoryStorage) -> None:
        operator = door.client(roles=["operator"])
        assert (await operator.gets("/v1/notes")).status_code == 200
        refused = await operator.adds({"text": "a"})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert storage.commits == 0

    async def test_an_admin_may_everything_and_somebody_without_roles_nothing(self, door: Door) -> None:
        assert (await door.client(roles=["admin"]).adds({"text": "a"})).status_code == 201
        assert (await door.client(roles=[]).gets("/v1/notes")).status_code == 403

    async def test_a_public_route_asks_nobody(self, door: Door) -> None:
        assert (await door.stranger().gets("/v1/links/abc")).json() == {"length": 3}

    async def test_a_worker_has_no_routes_but_health_and_metrics(self, storage: MemoryStorage) -> None:
        async with notes_door(storage, roles="worker") as worker:
            client = worker.client()
            statuses = {
                path: (await client.gets(path)).status_code
                for path in ("/v1/notes", "/docs", "/openapi.json", "/health/live", "/metrics")
            }
        assert statuses == {
            "/v1/notes": 404,
            "/docs": 404,
            "/openapi.json": 404,
            "/health/live": 200,
            "/metrics": 200,
        }


class TestRegencies:
    async def test_another_regencys_note_does_not_exist(self, door: Door) -> None:
        made = (await door.client().adds({"text": "a"})).json()
        stranger = door.client(tenant="muna")
        missing = await stranger.gets(f"/v1/notes/{made['id']}")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        assert (await stranger.gets("/v1/notes")).json()["items"] == []
