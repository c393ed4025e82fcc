"""The OpenAPI page: complete, true, and without the internet."""

import re
from collections.abc import Iterator
from typing import Any

from notes_door import Door


async def document(door: Door) -> dict[str, Any]:
    described: dict[str, Any] = (await door.stranger().gets("/openapi.json")).json()
    return described


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(node, dict):
        yield node
    for one in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(one)


class TestPage:
    async def test_everything_it_loads_comes_from_the_service_itself(self, door: Door) -> None:
        stranger = door.stranger()
        page = await stranger.gets("/docs")
        assert page.status_code == 200
        assert "'self'" in page.headers["content-security-policy"]
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) == 4
        for address in loaded:
            assert address.startswith("/docs/")
            assert (await stranger.gets(address)).status_code == 200
        assert "/openapi.json" in (await stranger.gets("/docs/start.js")).text


class TestDescription:
    async def test_it_is_written_for_the_page_that_draws_it(self, door: Door) -> None:
        """The packaged page refuses a document that is not OpenAPI 3.0: then nothing is shown at all."""
        described = await document(door)
        assert described["openapi"].startswith("3.0.")
        nullable = 0
        for node in nodes(described):
            assert node.get("type") != "null"
            assert not isinstance(node.get("examples"), list)
            assert "const" not in node
            assert "$ref" not in node or len(node) == 1
            nullable += node.get("nullable", False)
        assert nullable

    async def test_every_operation_says_who_may_and_how_it_refuses(self, door: Door) -> None:
        described = await document(door)
        operations = {
            f"{method.upper()} {path}": operation
            for path, methods in described["paths"].items()
            for method, operation in methods.items()
        }
        assert set(operations) == {
            "POST /v1/notes",
            "GET /v1/notes",
            "GET /v1/notes/{id}",
            "PUT /v1/notes/{id}",
            "GET /v1/links/{link}",
            "GET /v1/broken",
            "GET /v1/busy",
            "GET /v1/store",
        }
        assert operations["POST /v1/notes"]["x-permission"] == "notes.write"
        assert operations["POST /v1/notes"]["security"] == [{"bearer": []}]
        assert operations["GET /v1/links/{link}"]["x-permission"] == "public"
        assert "security" not in operations["GET /v1/links/{link}"]
        assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        for operation in operations.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]
            assert "422" not in operation["responses"]
        assert "Problem" in described["components"]["schemas"]

    async def test_headers_that_must_be_sent_are_described(self, door: Door) -> None:
        paths = (await document(door))["paths"]
        [key] = [one for one in paths["/v1/notes"]["post"]["parameters"] if one["in"] == "header"]
        assert (key["name"], key["required"]) == ("Idempotency-Key", True)
        headers = [one for one in paths["/v1/notes/{id}"]["put"]["parameters"] if one["in"] == "header"]
        assert [one["name"].lower() for one in headers] == ["if-match"]

    async def test_the_example_runs_as_shown(self, door: Door) -> None:
        described = await document(door)
        operation = described["paths"]["/v1/notes"]["post"]
        [key] = [one["example"] for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = described["components"]["schemas"][reference.rsplit("/", 1)[1]]
        body = {name: field["example"] for name, field in schema["properties"].items() if "example" in field}
        answer = await door.client().adds(body, key=key)
        assert answer.status_code == 201, answer.text
