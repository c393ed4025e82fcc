"""The OpenAPI page: complete, true, and without the internet."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator
from notes_door import Door

from gerai.chassis.links import ResponseLink
from gerai.chassis.localized_texts import SENTENCES
from gerai.chassis.refusals import HOUSE, OF_TICKETS, OF_UPLOADS
from gerai.chassis.requests import NIK_PATTERN
from gerai.chassis.routes import Routes, UnknownLinkTarget, install


async def document(door: Door) -> dict[str, Any]:
    described: dict[str, Any] = (await door.operator().gets("/openapi.json")).json()
    return described


class TestPage:
    async def test_everything_it_loads_comes_from_the_service_itself(self, door: Door) -> None:
        operator = door.operator()
        page = await operator.gets("/docs")
        assert page.status_code == 200
        assert "'self'" in page.headers["content-security-policy"]
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) == 4  # icon, style, program, start
        for address in loaded:
            assert address.startswith("/docs/")
            assert (await operator.gets(address)).status_code == 200
        assert "/openapi.json" in (await operator.gets("/docs/start.js")).text


class TestDescription:
    async def test_it_is_openapi_3_1_whose_schemas_are_json_schemas(self, door: Door) -> None:
        described = await document(door)
        assert described["openapi"].startswith("3.1.")
        schemas = described["components"]["schemas"]
        assert {"NoteBody", "NoteView", "Problem"} <= set(schemas)
        for schema in schemas.values():
            Draft202012Validator.check_schema(schema)

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
            "POST /v1/links/{link}/use",
            "GET /v1/broken",
            "GET /v1/busy",
            "GET /v1/store",
        }
        assert operations["POST /v1/notes"]["x-permission"] == "notes.write"
        assert operations["POST /v1/notes"]["security"] == [{"bearer": []}]
        assert operations["GET /v1/links/{link}"]["x-permission"] == "public"
        assert "security" not in operations["GET /v1/links/{link}"]
        assert described["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
        answers = described["components"]["responses"]
        for operation in operations.values():
            refusals = {status: one for status, one in operation["responses"].items() if status > "400"}
            for status, one in refusals.items():
                assert one == {"$ref": f"#/components/responses/{status}"} or "$ref" not in one
            assert {status for status, one in refusals.items() if "$ref" in one} <= set(answers)
        for answer in answers.values():
            assert "application/problem+json" in answer["content"]
        assert "Problem" in described["components"]["schemas"]

    async def test_every_status_that_an_operation_can_answer_is_named(self, door: Door) -> None:
        paths = (await document(door))["paths"]
        anywhere = {"400", "408", "414", "422", "429", "431", "500", "503"}
        named = {
            (method, path): set(operation["responses"]) - anywhere
            for path, methods in paths.items()
            for method, operation in methods.items()
        }
        assert named["post", "/v1/notes"] == {"201", "401", "403", "409", "413", "415"}
        assert named["get", "/v1/notes"] == {"200", "401", "403"}
        assert named["get", "/v1/notes/{id}"] == {"200", "401", "403", "404"}
        assert named["put", "/v1/notes/{id}"] == {*("200", "401", "403", "404", "412", "413", "415", "428")}
        assert named["get", "/v1/links/{link}"] == {"200", "404", "413"}

    async def test_a_declared_refusal_is_listed_with_a_whole_answer_in_both_languages(
        self, door: Door
    ) -> None:
        answers = (await document(door))["paths"]["/v1/notes"]["post"]["responses"]
        content = answers["409"]["content"]["application/problem+json"]
        assert content["schema"]["allOf"][1]["properties"]["code"] == {"enum": ["office_closed"]}
        for name, told in (("id", "Kantor sedang closed."), ("en", "The office is closed.")):
            refused = (
                await door.client().http.post(
                    "/v1/notes",
                    json={"text": "closed"},
                    headers={"accept-language": name, "idempotency-key": f"closed-{name}"},
                )
            ).json()
            shown = content["examples"][f"office_closed.{name}"]["value"]
            assert shown == {field: refused[field] for field in refused if field != "correlation_id"}
            assert shown["title"] == told

    async def test_an_answer_links_to_what_can_follow(self, door: Door) -> None:
        paths = (await document(door))["paths"]
        assert paths["/v1/notes"]["post"]["responses"]["201"]["links"] == {
            "change": {
                "operationId": paths["/v1/notes/{id}"]["put"]["operationId"],
                "parameters": {"id": "$response.body#/id", "If-Match": "$response.header.ETag"},
            }
        }

    async def test_a_link_to_no_operation_keeps_the_service_from_starting(self) -> None:
        routes = Routes(tag="t", prefix="/v1")
        link = ResponseLink(to="showLost", given={})

        @routes.get("/here", public=True, summary="Look", operation_id="look", links={"on": link})
        async def here() -> None: ...

        with pytest.raises(UnknownLinkTarget, match="showLost"):
            install(FastAPI(), [routes])

    async def test_headers_that_must_be_sent_are_described(self, door: Door) -> None:
        paths = (await document(door))["paths"]
        [key] = [one for one in paths["/v1/notes"]["post"]["parameters"] if one["name"] == "Idempotency-Key"]
        assert (key["name"], key["required"]) == ("Idempotency-Key", True)
        assert key["schema"] == {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "pattern": "^[!-~]{1,128}$",
            "not": {"pattern": NIK_PATTERN},
        }
        put = paths["/v1/notes/{id}"]["put"]["parameters"]
        [version] = [one for one in put if one["in"] == "header" and one["required"]]
        assert (version["name"].lower(), version["required"], version["example"]) == ("if-match", True, '"1"')
        assert re.fullmatch(version["schema"]["pattern"], '"17"')
        assert not re.fullmatch(version["schema"]["pattern"], "17")

    async def test_headers_that_may_be_sent_are_described(self, door: Door) -> None:
        paths = (await document(door))["paths"]
        optional = {
            (method, path): {
                one["name"]
                for one in operation["parameters"]
                if one["in"] == "header" and not one["required"]
            }
            for path, methods in paths.items()
            for method, operation in methods.items()
        }
        anywhere = {"X-Correlation-Id", "traceparent", "Accept-Language"}
        assert optional.pop(("put", "/v1/notes/{id}")) == {*anywhere, "Idempotency-Key"}
        for named in optional.values():
            assert named == anywhere

    async def test_each_answer_has_the_headers_that_are_described_and_no_others(self, door: Door) -> None:
        described = await document(door)
        officer, stranger = door.client(), door.stranger()
        made = await officer.adds({"text": "a"}, key="one")
        address, body, at = f"/v1/notes/{made.json()['id']}", {"text": "b"}, {"if-match": '"1"'}
        answers = [
            ("post", "/v1/notes", made),
            ("post", "/v1/notes", await officer.adds({"text": "a"}, key="one")),
            ("post", "/v1/notes", await officer.adds({"text": "a"}, key="a b")),
            ("post", "/v1/notes", await officer.sends(b"{}", **{"content-type": "text/plain"})),
            ("get", "/v1/notes", await officer.gets("/v1/notes")),
            ("get", "/v1/notes", await officer.gets("/v1/notes", colour="red")),
            ("get", "/v1/notes", await stranger.gets("/v1/notes")),
            ("put", "/v1/notes/{id}", await officer.http.put(address, json=body)),
            ("get", "/v1/notes/{id}", await officer.gets(address)),
            ("get", "/v1/notes/{id}", await officer.gets("/v1/notes/lost")),
            (
                "get",
                "/v1/links/{link}",
                await stranger.http.request("GET", "/v1/links/a", content=b"x" * 9_000),
            ),
            ("get", "/v1/busy", await stranger.gets("/v1/busy")),
            ("get", "/v1/broken", await stranger.gets("/v1/broken")),
        ]
        for key in ("x y", "two", "two"):
            sent = at | {"idempotency-key": key}
            put = await officer.http.put(address, json=body, headers=sent)
            answers.append(("put", "/v1/notes/{id}", put))
        for method, path, answer in answers:
            named = described["paths"][path][method]["responses"][str(answer.status_code)]
            if "$ref" in named:
                named = described["components"]["responses"][named["$ref"].rpartition("/")[2]]
            stated = {name.lower(): header for name, header in named["headers"].items()}
            told = set(answer.headers) - {"content-type", "content-length"}
            required = {name for name, header in stated.items() if header.get("required")}
            assert required <= told <= set(stated), f"{method} {path} {answer.status_code}"
            for name in told:
                Draft202012Validator(stated[name]["schema"]).validate(answer.headers[name])
        assert {answer.status_code for *_, answer in answers} == {
            *(200, 201, 400, 401, 404, 413, 415, 422, 428, 500, 503)
        }

    async def test_the_example_runs_as_shown(self, door: Door) -> None:
        described = await document(door)
        operation = described["paths"]["/v1/notes"]["post"]
        [key] = [one["example"] for one in operation["parameters"] if one["name"] == "Idempotency-Key"]
        reference = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        schema = described["components"]["schemas"][reference.rsplit("/", 1)[1]]
        body = {
            name: field["examples"][0] for name, field in schema["properties"].items() if "examples" in field
        }
        answer = await door.client().adds(body, key=key)
        assert answer.status_code == 201, answer.text


def test_every_code_of_the_chassis_is_listed_under_its_status() -> None:
    """But for those of answers that belong to no operation."""
    listed = {code for codes in HOUSE.values() for code in codes} | {*OF_TICKETS, *OF_UPLOADS}
    assert set(SENTENCES) - listed == {"method_not_allowed", "client_gone"}
