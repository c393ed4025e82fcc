"""Deny by default: a route that does not say who may use it keeps the service from starting."""

import re

import pytest
import structlog
from notes_door import Door, notes_door
from pydantic import BaseModel, ConfigDict
from structlog.testing import LogCapture

from gerai.chassis import Components, Permission, Routes, Secret, Service, problems
from gerai.chassis import routes as routes_module
from gerai.chassis.routes import AmbiguousOperation, LooseBody, UndeclaredRefusal, UndeclaredRoute
from gerai.messaging.memory.storage import MemoryStorage

OPERATORS_OWN = ("/docs", "/openapi.json", "/metrics")
PATHS = ("/v1/notes", *OPERATORS_OWN, "/health/live")
LOOK = Permission.to("look", "operator")
PRODUCTION = {
    "environment": "production",
    "kafka_security_protocol": "PLAINTEXT",
    "issuer": "https://issuer.test",
    "jwks_url": "https://issuer.test/jwks",
}
NAMED = {"summary": "Do something", "operation_id": "doSomething"}


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What is logged about refusals; elsewhere in the tests logs are off."""
    capture = LogCapture()
    every = structlog.make_filtering_bound_logger(0)
    for module in (routes_module, problems):
        monkeypatch.setattr(
            module, "log", structlog.wrap_logger(None, processors=[capture], wrapper_class=every)
        )
    return capture


def silent() -> Routes:
    routes = Routes(tag="x", prefix="/v1")

    @routes.get("/declared", permission=LOOK, summary="Look", operation_id="look")
    async def declared() -> None: ...

    @routes.get("/forgotten", summary="Forget", operation_id="forget")
    async def forgotten() -> None: ...

    return routes


class TestDeclarations:
    async def test_a_forgotten_one_is_named_and_nothing_starts(self, storage: MemoryStorage) -> None:
        service = Service(name="x", title="x", assemble=lambda service_context: Components(routes=[silent()]))
        with pytest.raises(UndeclaredRoute, match=r"GET /v1/forgotten$"):
            async with notes_door(storage, service):
                pass

    def test_public_and_a_permission_contradict_each_other(self) -> None:
        with pytest.raises(TypeError, match="GET /a"):
            Routes(tag="x").get("/a", permission=LOOK, public=True, **NAMED)

    def test_a_public_route_that_changes_something_names_the_secret_in_its_address(self) -> None:
        """Who sends an idempotency key there is known by nothing else: all would share one. A parameter that everybody
        knows, as a site's, is no secret, and only who writes the route can tell."""
        Routes(tag="x").post("/visits/{link}/cancel", public=Secret("link"), **NAMED)
        for path in ("/applications", "/sites/{site}/applications"):
            with pytest.raises(TypeError, match=re.escape(f"POST {path} is public")):
                Routes(tag="x").post(path, public=True, **NAMED)
        with pytest.raises(TypeError, match="DELETE /visits/"):
            Routes(tag="x").delete("/visits/{link}", public=True, **NAMED)
        with pytest.raises(TypeError, match=r"has no \{link\}"):
            Routes(tag="x").post("/sites/{site}/applications", public=Secret("link"), **NAMED)


class TestOperations:
    async def test_two_with_one_name_keep_it_from_starting(self, storage: MemoryStorage) -> None:
        routes = Routes(tag="x")
        for path in ("/v1/a", "/v1/b"):

            @routes.get(path, permission=LOOK, **NAMED)
            async def look() -> None: ...

        service = Service(name="x", title="x", assemble=lambda service_context: Components(routes=[routes]))
        with pytest.raises(AmbiguousOperation, match="doSomething"):
            async with notes_door(storage, service):
                pass

    def test_one_without_a_summary_or_a_name_is_not_declared(self) -> None:
        with pytest.raises(TypeError, match="summary"):
            Routes(tag="x").get("/a", permission=LOOK, operation_id="look")
        with pytest.raises(TypeError, match="operation_id"):
            Routes(tag="x").get("/a", permission=LOOK, summary="Look")


class TestRefusals:
    """`addNote` declares that an office may be closed, and not that it may be lost."""

    async def test_one_that_a_route_does_not_declare_is_a_fault_while_it_is_developed(
        self, door: Door, said: LogCapture
    ) -> None:
        answer = await door.client().adds({"text": "lost"})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        [failed] = [one for one in said.entries if one["event"] == "request-failed"]
        assert isinstance(failed["exc_info"], UndeclaredRefusal)
        assert str(failed["exc_info"]) == "addNote does not declare UnableToFind: not_found"

    async def test_in_production_it_is_answered_all_the_same_and_logged(
        self, storage: MemoryStorage, said: LogCapture
    ) -> None:
        async with notes_door(storage, **PRODUCTION) as door:
            answer = await door.client().adds({"text": "lost"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        [told] = said.entries
        assert (told["event"], told["operation"]) == ("undeclared-refusal", "addNote")
        assert told["refusal"] == "UnableToFind: not_found"

    async def test_one_that_it_declares_says_nothing(self, door: Door, said: LogCapture) -> None:
        answer = await door.client().adds({"text": "closed"})
        assert (answer.status_code, said.entries) == (409, [])


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

        @routes.post("/v1/things", permission=LOOK, **NAMED)
        async def take(body: Outer) -> None: ...

        service = Service(name="x", title="x", assemble=lambda service_context: Components(routes=[routes]))
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
            public = {path: (await worker.client().gets(path)).status_code for path in PATHS}
            private = {path: (await worker.operator().gets(path)).status_code for path in PATHS}
        assert public == {path: 200 if path == "/health/live" else 404 for path in PATHS}
        assert private == public | {"/metrics": 200}


class TestListeners:
    async def test_what_operators_look_at_is_not_public(self, door: Door) -> None:
        """Neither for a stranger nor for an admin, however the address is written."""
        for caller in (door.stranger(), door.client(roles=["admin"])):
            for path in (
                *OPERATORS_OWN,
                "/docs/",
                "/metrics/",
                "//metrics",
                "/METRICS",
                "/redoc",
                "/docs/start.js",
            ):
                assert (await caller.gets(path)).status_code == 404, path
            assert (await caller.gets("/health/live")).status_code == 200

    async def test_the_operators_listener_shows_it_and_serves_the_api(self, door: Door) -> None:
        """The documentation page tries requests out where it was loaded from. Who may use a route is asked there, too."""
        for path in (*OPERATORS_OWN, "/health/live"):
            assert (await door.operator().gets(path)).status_code == 200, path
        assert (await door.operator().gets("/v1/links/abc")).json() == {"length": 3}
        assert (await door.operator().gets("/v1/notes")).status_code == 401
        lost = await door.operator().gets("/docs/assets/nothing.js")
        assert (lost.status_code, lost.json()["code"]) == (404, "not_found")


class TestRegencies:
    async def test_another_regencys_note_does_not_exist(self, door: Door) -> None:
        made = (await door.client().adds({"text": "a"})).json()
        stranger = door.client(tenant="muna")
        missing = await stranger.gets(f"/v1/notes/{made['id']}")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
        assert (await stranger.gets("/v1/notes")).json()["items"] == []
