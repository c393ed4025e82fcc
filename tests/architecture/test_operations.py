"""Every route of every service is said in one sentence, has a name that clients may keep, and lists its refusals."""

import json
from pathlib import Path
from typing import Any

import pytest

from gerai.chassis.service import application
from gerai.chassis.service_context import Service
from gerai.chassis.testing import context_of
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.storage import MemoryStorage
from local.services import declarations, names

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
async def documented() -> dict[str, dict[str, Any]]:
    """Each service's OpenAPI document."""
    storage = MemoryStorage()
    documents: dict[str, dict[str, Any]] = {}
    for service in declarations():
        context = context_of(service, storage=storage, commit=GroupCommit(storage, source="none"))
        documents[service.name] = application(service, context, service.assemble(context)).openapi()
        await context.database.close()
    return documents


@pytest.fixture(scope="module")
async def operations(documented: dict[str, dict[str, Any]]) -> list[tuple[str, str, dict[str, Any]]]:
    """(service, "GET /v1/…", operation)"""
    return [
        (service, f"{method.upper()} {path}", operation)
        for service, document in documented.items()
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


async def test_a_summary_is_a_sentence_without_a_full_stop(operations) -> None:
    for service, route, operation in operations:
        summary = operation["summary"]
        assert summary[0].isupper() and " " in summary and not summary.endswith("."), f"{service} {route}"


@pytest.mark.parametrize("service", names())
async def test_an_operation_keeps_its_name(operations, service: str) -> None:
    """A generated client is written against it. A new route's line is added; a name or an address is never changed."""
    listed = (ROOT / "services" / service / "operations.txt").read_text(encoding="utf-8").splitlines()
    there = sorted(f"{one['operationId']} {route}" for of, route, one in operations if of == service)
    assert there == listed


async def test_names_are_in_camel_case_and_unique_in_their_service(operations) -> None:
    named = [(service, operation["operationId"]) for service, _, operation in operations]
    assert len(named) == len(set(named))
    for _, name in named:
        assert name.isalnum() and name.isascii() and name[0].islower(), name


async def test_each_status_lists_its_codes_with_an_example_in_both_languages(documented, operations) -> None:
    for service, route, operation in operations:
        for status, answer in operation["responses"].items():
            if status < "400":
                continue
            if "$ref" in answer:
                answer = documented[service]["components"]["responses"][status]
            content = answer["content"]["application/problem+json"]
            codes = content["schema"]["allOf"][1]["properties"]["code"]["enum"]
            assert set(content["examples"]) == {f"{code}.{name}" for code in codes for name in ("id", "en")}
            for name, example in content["examples"].items():
                body = example["value"]
                assert (str(body["status"]), f"{body['code']}.{name[-2:]}") == (status, name), route
                assert "{" not in json.dumps(body["title"]), f"{route}: {body['title']}"


@pytest.mark.parametrize("service", declarations(), ids=lambda service: service.name)
async def test_what_a_unique_index_refuses_by_can_be_said(service: Service) -> None:
    """The store raises it, which knows no details but those that the index declares."""
    for index in service.indexes:
        if index.refusal is not None:
            refusal = index.refusal()
            assert "{" not in refusal.text("id") + refusal.text("en")


async def test_a_desk_that_calls_is_told_what_it_may_be_refused_by(documented) -> None:
    answers = documented["queue"]["paths"]["/v1/desks/{desk_id}/call-next"]["post"]["responses"]
    content = answers["409"]["content"]["application/problem+json"]
    assert {"nobody_waiting", "desk_busy", "desk_closed"} <= set(
        content["schema"]["allOf"][1]["properties"]["code"]["enum"]
    )
    assert content["examples"]["nobody_waiting.id"]["value"] == {
        "type": "urn:gerai:problem:nobody_waiting",
        "title": "Tidak ada yang menunggu untuk loket ini.",
        "status": 409,
        "code": "nobody_waiting",
    }
