"""Every example of the OpenAPI page runs as shown, on a register that holds Muna Barat."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from registry_front_door import Client, front_door

from gerai.messaging.memory.storage import MemoryStorage
from gerai.registry.entrypoints.shapes import SECTIONS

FILE = Path(__file__).parents[4] / "deploy" / "local" / "data" / "muna_barat.json"
NAMES = [section.name for section in SECTIONS]
ORDER = [
    # what is there from the start can be looked at at once
    *(("get", f"/v1/{name}") for name in NAMES),
    *(("get", f"/v1/{name}/{{id}}") for name in NAMES),
    # parents first
    *(("post", f"/v1/{name}") for name in NAMES),
    ("post", "/v1/imports"),
    *(("put", f"/v1/{name}/{{id}}") for name in NAMES),
    # children first
    *(("delete", f"/v1/{name}/{{id}}") for name in reversed(NAMES)),
]


async def run_as_shown(client: Client, method: str, path: str, operation: dict[str, Any]) -> httpx.Response:
    """The request that the page sends when nothing of it is changed."""
    headers: dict[str, str] = {}
    for one in operation.get("parameters", ()):
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", one["example"])
        elif one["in"] == "header" and "example" in one:
            headers[one["name"]] = one["example"]
        assert "example" in one or not one["required"], f"{method} {path}: {one['name']} shows nothing"
    content = b""
    if "requestBody" in operation:
        [(kind, body)] = operation["requestBody"]["content"].items()
        content, headers["content-type"] = json.dumps(body["example"]).encode(), kind
    return await client.asks(method.upper(), path, content, headers)


@pytest.mark.parametrize("already", [(), tuple(("post", f"/v1/{name}") for name in NAMES)])
async def test_every_example_runs_as_shown(
    storage: MemoryStorage, already: tuple[tuple[str, str], ...]
) -> None:
    """The import's example also without the single ones before it."""
    async with front_door(storage) as door:
        client = Client(door)
        seed = json.loads(FILE.read_text(encoding="utf-8"))
        assert (await client.posts("/v1/imports", seed, key="the-seed")).status_code == 200
        described = (await client.gets("/openapi.json")).json()["paths"]
        operations = {
            (method, path): one for path, methods in described.items() for method, one in methods.items()
        }
        assert sorted(ORDER) == sorted(operations), "an operation is missing in the order"
        for method, path in (one for one in ORDER if one not in already):
            answer = await run_as_shown(client, method, path, operations[method, path])
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
