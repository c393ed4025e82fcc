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

from gerai.messaging.mapping import NewerDocument
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

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/x-www-form-urlencoded", "json", "", "application/jsonx", "*/*"]
    )
    async def test_another_content_type_is_not_json(
        self, officer: Client, storage: MemoryStorage, kind: str
    ) -> None:
        refused = await officer.sends(b'{"text": "a"}', **{"content-type": kind})
        says(refused, 415, "unsupported_media_type")
        assert refused.headers["accept"] == "application/json"
        assert storage.commits == 0

    @pytest.mark.parametrize(
        "kind", ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.note+json"]
    )
    async def test_json_may_be_named_in_several_ways(self, officer: Client, kind: str) -> None:
        assert (await officer.sends(b'{"text": "a"}', **{"content-type": kind})).status_code == 201

    @pytest.mark.parametrize(
        "body", ['{"text": "a", "text": "b"}', '{"text": "a", "copies": 1, "copies": 2}']
    )
    async def test_a_name_that_stands_twice_is_refused(
        self, officer: Client, storage: MemoryStorage, body: str
    ) -> None:
        """Readers differ in which of the two they take."""
        says(await officer.sends(body.encode()), 400, "malformed_json")
        assert storage.commits == 0

    async def test_a_whole_number_may_be_written_with_a_point(self, officer: Client) -> None:
        assert (await officer.sends(b'{"text": "a", "copies": 4.0}')).status_code == 201

    @pytest.mark.parametrize("nearly", ["5", True, 5.5, "five", [5]])
    async def test_a_number_is_a_number_and_nothing_that_could_be_made_into_one(
        self, officer: Client, nearly: Any
    ) -> None:
        says(await officer.adds({"text": "a", "copies": nearly}), 422, "invalid", "copies")

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


class TestQueries:
    @pytest.mark.parametrize(
        "path", ["/v1/notes?colour=red", "/v1/notes?limit=5&Limit=5", "/v1/links/a?utm=1"]
    )
    async def test_what_nobody_reads_is_refused(self, officer: Client, path: str) -> None:
        says(
            await officer.http.get(path),
            422,
            "unknown_field",
            path.rpartition("=")[0].rpartition("&")[2].rpartition("?")[2],
        )

    async def test_of_two_values_none_is_dropped_without_a_word(self, officer: Client) -> None:
        says(await officer.http.get("/v1/notes?limit=5&limit=6"), 422, "repeated", "limit")

    async def test_two_idempotency_keys_are_none(self, officer: Client, storage: MemoryStorage) -> None:
        headers = [("idempotency-key", "a"), ("idempotency-key", "b")]
        refused = await officer.http.post("/v1/notes", json={"text": "a"}, headers=headers)
        says(refused, 400, "idempotency_key_malformed", "Idempotency-Key")
        assert storage.commits == 0


class TestAddresses:
    async def test_an_unknown_address(self, officer: Client) -> None:
        says(await officer.gets("/v1/nothing"), 404, "not_found")
        says(await officer.gets("/v1/notes/"), 404, "not_found")

    async def test_another_method(self, officer: Client) -> None:
        refused = await officer.http.delete("/v1/notes")
        says(refused, 405, "method_not_allowed")
        assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST", (
            "all that the address takes, not one of them"
        )

    async def test_options_tell_what_an_address_takes(self, door: Door) -> None:
        told = await door.stranger().http.request("OPTIONS", "/v1/notes/a")
        assert (told.status_code, told.content) == (204, b"")
        assert told.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
        says(await door.stranger().http.request("OPTIONS", "/v1/nothing"), 404, "not_found")

    async def test_head_is_answered_as_get_is(self, officer: Client, door: Door) -> None:
        told = await officer.http.head("/v1/notes")
        assert told.status_code == 200
        assert told.headers["content-length"] == (await officer.gets("/v1/notes")).headers["content-length"]
        assert (await door.stranger().http.head("/v1/notes")).status_code == 401

    @pytest.mark.parametrize("method", ["PATCH", "TRACE", "QUERY", "DELETE", "BREW"])
    async def test_a_method_that_an_address_does_not_take_changes_nothing(
        self, officer: Client, storage: MemoryStorage, method: str
    ) -> None:
        says(await officer.http.request(method, "/v1/notes"), 405, "method_not_allowed")
        assert storage.commits == 0

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

    async def test_what_a_newer_version_wrote_is_asked_for_again_and_may_meet_that_version_then(
        self, door: Door
    ) -> None:
        door.app.state.failure = NewerDocument("Note: a document of schema 2; this version knows 1")
        answer = await door.stranger().gets("/v1/store")
        says(answer, 503, "newer_version")
        assert answer.headers["retry-after"] == "5"
        assert "Note" not in answer.text

    async def test_a_busy_store_asks_to_come_again(self, door: Door) -> None:
        answer = await door.stranger().gets("/v1/busy")
        says(answer, 503, "busy")
        assert answer.headers["retry-after"] == "1"

    async def test_a_regency_that_asks_too_much_is_told_so_and_when_to_come_again(self, door: Door) -> None:
        door.app.state.failure = TooManyWaiting()
        answer = await door.stranger().gets("/v1/store")
        says(answer, 429, "too_many_requests")
        assert answer.headers["retry-after"] == "1"


async def test_a_refusal_that_stands_for_several_names_each_in_the_callers_language(officer: Client) -> None:
    for language, text in (("id", "Kantor tutup."), ("en", "The office is closed.")):
        refused = await officer.adds({"text": "faulty"}, **{"accept-language": language})
        assert refused.status_code == 409
        assert refused.json()["errors"] == [{"code": "office_closed", "field": "notes.0.text", "text": text}]
