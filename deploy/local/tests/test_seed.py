import json

import httpx
import pytest

from local import seed
from local.failure import UnableToStart


class Registry:
    def __init__(self, sites, import_status=200):
        self.sites, self.import_status, self.imported = sites, import_status, []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["authorization"] == "Bearer token"
        if request.method == "GET":
            return httpx.Response(200, json=self.sites)
        assert request.url.params["dry_run"] == "false"
        assert request.headers["idempotency-key"]
        self.imported.append(json.loads(request.content))
        return httpx.Response(self.import_status, json={"detail": "counters.3 has no site"})


@pytest.fixture
def load(monkeypatch):
    client = httpx.AsyncClient

    async def with_registry(registry):
        with monkeypatch.context() as patch:
            patch.setattr(
                seed.httpx,
                "AsyncClient",
                lambda **given: client(transport=httpx.MockTransport(registry), **given),
            )
            return await seed.load(registry_url="http://registry", token="token")

    return with_registry


class TestSeed:
    @pytest.mark.parametrize("empty", [[], {"items": [], "next": None}])
    async def test_an_empty_registry_gets_the_file(self, load, empty):
        registry = Registry(empty)
        assert "Loaded" in await load(registry)
        assert registry.imported == [json.loads(seed.FILE.read_text())]

    @pytest.mark.parametrize("filled", [[{"id": "x"}], {"entries": [{"id": "x"}]}])
    async def test_a_registry_with_a_site_is_left_alone(self, load, filled):
        registry = Registry(filled)
        assert "already" in await load(registry)
        assert registry.imported == []

    async def test_a_refusal_is_told(self, load):
        with pytest.raises(
            UnableToStart, match=r"refuses POST /v1/imports with 422(?s:.*)counters\.3 has no site"
        ):
            await load(Registry([], import_status=422))


class TestTheExampleData:
    def test_are_the_29_gerai_and_say_what_is_an_example(self):
        data = json.loads(seed.FILE.read_text())
        assert len(data["counters"]) == 29
        assert "EXAMPLE" in data["_about"]
