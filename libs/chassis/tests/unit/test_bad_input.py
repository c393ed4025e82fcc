"""Every refusal is problem+json with a stable code, the field and a sentence, and changes nothing."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from notes_door import Client, Door
from pymongo.errors import (
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
)

from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Contended, KeyTaken, StoreBusy, TooManyWaiting, Unstorable

DEEP = b"[" * 50_000


def says(answer: Any, status: int, code: str, field: str | None = None) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem.get("field")) == (status, code, field), problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["type"] == f"urn:gerai:problem:{code}"
    assert problem["status"] == status
    assert len(problem["title"]) > 10
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]


class TestBodies:
    @pytest.mark.parametrize(
        "content",
        [
            b"{",
            b"not json",
            b'{"text": NaN}',
            b'{"text": "\xff"}',
            b'{"text": "\\ud800"}',
            DEEP,
            b"\x00",
            b"",
        ],
    )
    async def test_what_is_not_json_is_refused(
        self, officer: Client, storage: MemoryStorage, content: bytes
    ) -> None:
        refused = await officer.sends(content)
        if content:
            says(refused, 400, "malformed_json")
        else:
            says(refused, 422, "missing", "body")
        assert storage.commits == 0

    @pytest.mark.parametrize(
        ("body", "code", "field", "words"),
        [
            ({"text": "a", "colour": "red"}, "unknown_field", "colour", "not known"),
            ({}, "missing", "text", "required"),
            ({"text": 7}, "invalid", "text", "must be text"),
            ({"text": ["a"]}, "invalid", "text", "must be text"),
            ({"text": None}, "invalid", "text", "must be text"),
            ({"text": "a", "copies": "many"}, "invalid", "copies", "whole number"),
            ({"text": "a", "copies": 10}, "invalid", "copies", "at most 9"),
            ({"text": "a" * 161}, "invalid", "text", "at most 160"),
            ({"text": ""}, "invalid", "text", "at least 1"),
            ({"text": "   "}, "invalid", "text", "at least 1"),
            ({"text": "Bu\x00di"}, "hidden_character", "text", "hidden"),
            ({"text": "\u202eBudi"}, "hidden_character", "text", "hidden"),
            ({"text": "Bu\u2066di"}, "hidden_character", "text", "hidden"),
            ({"text": "Bu\x1b[31mdi"}, "hidden_character", "text", "hidden"),
            ({"text": "Bu\u200bdi"}, "hidden_character", "text", "hidden"),
            ({"text": "Bu\ndi"}, "line_break", "text", "one line"),
            ([], "invalid", "body", "JSON object"),
            ("a", "invalid", "body", "JSON object"),
        ],
    )
    async def test_a_field_that_does_not_fit_is_named(
        self, officer: Client, storage: MemoryStorage, body: Any, code: str, field: str, words: str
    ) -> None:
        refused = await officer.adds(body)
        says(refused, 422, code, field)
        assert words in refused.json()["title"]
        assert refused.json()["errors"][0]["text"] == refused.json()["title"]
        assert storage.commits == 0

    async def test_all_faults_are_listed_but_not_endlessly(self, officer: Client) -> None:
        refused = await officer.adds({"copies": 0} | {f"x{n}": n for n in range(500)})
        errors = refused.json()["errors"]
        assert {"text", "copies"} <= {error["field"] for error in errors}
        assert len(errors) == 20

    async def test_a_name_that_the_client_made_up_comes_back_short_and_plain(self, officer: Client) -> None:
        refused = await officer.sends(b'{"text": "a", "' + b"\\u202e\\u0000" + b"x" * 5_000 + b'": 1}')
        says(refused, 422, "unknown_field", "??" + "x" * 198)

    async def test_another_content_type_is_not_json(self, officer: Client) -> None:
        refused = await officer.sends(b'{"text": "a"}', **{"content-type": "text/plain"})
        assert refused.status_code == 422

    async def test_names_are_trimmed(self, officer: Client) -> None:
        assert (await officer.adds({"text": "  Budi Santoso "})).json()["text"] == "Budi Santoso"


class TestSizes:
    async def test_ten_megabytes_are_refused(self, officer: Client, storage: MemoryStorage) -> None:
        says(await officer.sends(b'{"text": "' + b"a" * 10_000_000 + b'"}'), 413, "body_too_large")
        assert storage.commits == 0

    async def test_an_endless_body_is_refused_at_the_limit(self, officer: Client) -> None:
        taken = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal taken
            while True:
                taken += 1_000
                yield b" " * 1_000

        says(await officer.sends(endless()), 413, "body_too_large")
        assert taken <= 64 * 1024 + 1_000

    async def test_the_limit_itself_fits(self, officer: Client) -> None:
        body = b'{"text": "a"' + b" " * (64 * 1024 - 13) + b"}"
        assert len(body) == 64 * 1024
        assert (await officer.sends(body)).status_code == 201
        says(await officer.sends(body + b" "), 413, "body_too_large")

    @pytest.mark.parametrize("limit", ["1000000", "101", "0", "-1", "all"])
    async def test_pages_are_bounded(self, officer: Client, limit: str) -> None:
        says(await officer.gets("/v1/notes", limit=limit), 422, "invalid", "limit")

    @pytest.mark.parametrize("cursor", ["_w", "AA", "a", "!!!!", "x" * 301])
    async def test_a_cursor_that_we_did_not_give_is_refused(self, officer: Client, cursor: str) -> None:
        says(await officer.gets("/v1/notes", cursor=cursor), 422, "invalid", "cursor")

    async def test_pages_follow_each_other_without_a_gap(self, officer: Client) -> None:
        made = sorted([(await officer.adds({"text": f"n{n}"})).json()["id"] for n in range(5)])
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 2}
        while query:
            page = (await officer.gets("/v1/notes", **query)).json()
            seen += [item["id"] for item in page["items"]]
            query = {"limit": 2, "cursor": page["next"]} if page["next"] else {}
        assert seen == made


class TestAddresses:
    async def test_an_unknown_address(self, officer: Client) -> None:
        says(await officer.gets("/v1/nothing"), 404, "not_found")
        says(await officer.gets("/v1/notes/"), 404, "not_found")

    async def test_another_method(self, officer: Client) -> None:
        refused = await officer.http.delete("/v1/notes")
        says(refused, 405, "method_not_allowed")
        assert refused.headers["allow"]

    @pytest.mark.parametrize("path", ["/v1/notes/a%00b", "/v1/notes/%E2%80%AEb", "/v1/notes?cursor=a%0Ab"])
    async def test_hidden_characters_in_an_address(self, officer: Client, path: str) -> None:
        says(await officer.http.get(path), 422, "hidden_character")


class TestLanguages:
    @pytest.mark.parametrize(
        ("asked", "spoken"),
        [
            ("", "id"),
            ("fr", "id"),
            ("en", "en"),
            ("en-GB,en;q=0.9", "en"),
            ("id,en;q=0.9", "id"),
            ("en;q=0.3, id;q=0.8", "id"),
            ("id;q=0.3, en-US;q=0.8", "en"),
            ("en;q=x", "id"),
        ],
    )
    async def test_a_clerk_reads_the_language_that_the_client_asks_for(
        self, officer: Client, asked: str, spoken: str
    ) -> None:
        refused = await officer.adds({}, **{"accept-language": asked})
        assert refused.headers["content-language"] == spoken
        expected = {"id": "Kolom ini wajib diisi.", "en": "This field is required."}[spoken]
        assert refused.json()["title"] == expected

    async def test_refusals_of_the_domain_too(self, officer: Client, storage: MemoryStorage) -> None:
        refused = await officer.adds({"text": "closed"}, **{"accept-language": "id"})
        says(refused, 409, "office_closed", "text")
        assert refused.json()["title"] == "Kantor sedang closed."
        assert refused.json()["details"] == {"state": "closed"}
        assert storage.commits == 0


class TestFaultsOfOurs:
    async def test_a_bug_says_nothing_of_itself(self, door: Door, caplog: pytest.LogCaptureFixture) -> None:
        answer = await door.stranger().gets("/v1/broken")
        says(answer, 500, "internal")
        assert "hunter2" not in answer.text
        assert "Traceback" not in answer.text

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (ServerSelectionTimeoutError("no primary at db-0.internal"), 503, "busy"),
            (NetworkTimeout("db-0.internal"), 503, "busy"),
            (NotPrimaryError("stepped down"), 503, "busy"),
            (Contended("others were faster"), 503, "busy"),
            (StoreBusy("about to stop"), 503, "busy"),
            (OperationFailure("write conflict", 112), 503, "busy"),
            (KeyTaken("outbox", "event", key={"aggregate": "secret"}), 500, "internal"),
            (Unstorable("a lone surrogate"), 500, "internal"),
            (OperationFailure("not authorized on notes", 13), 500, "internal"),
            (OperationFailure("unknown operator: $where", 2), 500, "internal"),
        ],
    )
    async def test_what_passes_by_itself_is_tried_later_and_what_the_store_refuses_is_a_fault_of_ours(
        self, door: Door, error: Exception, status: int, code: str
    ) -> None:
        door.app.state.failure = error
        answer = await door.stranger().gets("/v1/store")
        says(answer, status, code)
        assert answer.headers.get("retry-after") == ("1" if status == 503 else None)
        for detail in ("db-0", "$where", "outbox", "notes"):
            assert detail not in answer.text

    async def test_a_busy_store_asks_to_come_again(self, door: Door) -> None:
        answer = await door.stranger().gets("/v1/busy")
        says(answer, 503, "busy")
        assert answer.headers["retry-after"] == "1"

    async def test_a_regency_that_asks_too_much_is_told_so_and_when_to_come_again(self, door: Door) -> None:
        door.app.state.failure = TooManyWaiting()
        answer = await door.stranger().gets("/v1/store")
        says(answer, 429, "too_many_requests")
        assert answer.headers["retry-after"] == "1"
