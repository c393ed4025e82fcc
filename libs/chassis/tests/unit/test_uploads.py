"""A streamed body takes effect once and whole, or leaves nothing behind; however it comes, the process holds little of it."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import papers
import pytest
from notes_door import Client, Door, notes_door
from papers import Paper
from papers_desk import ADDRESS, PDF, in_pieces, kept_in, scope_of, sends, stated_by
from starlette.types import Message

from gerai.chassis.bodies import StreamedBody
from gerai.chassis.routes import Routes, Secret
from gerai.messaging.memory.storage import MemoryStorage


class TestContent:
    async def test_what_came_in_pieces_is_kept_whole_and_described(
        self, applicant: Client, tmp_path: Path, storage: MemoryStorage
    ) -> None:
        answer = await sends(applicant, in_pieces(PDF), file_name="Surat%20tanah%20%C3%A9.pdf")
        assert answer.status_code == 201
        told = answer.json()
        assert told["sha256"] == hashlib.sha256(PDF).hexdigest()
        assert (told["size"], told["name"]) == (len(PDF), "Surat tanah é.pdf")
        assert kept_in(tmp_path) == [PDF]
        [paper] = storage.aggregates[Paper].values()
        assert (tmp_path / paper.place).read_bytes() == PDF

    async def test_nothing_is_no_content(self, applicant: Client, tmp_path: Path) -> None:
        answer = await sends(applicant, b"")
        assert (answer.status_code, answer.json()["code"]) == (422, "missing")
        assert kept_in(tmp_path) == []

    @pytest.mark.parametrize("stated", ["APPLICATION/PDF", "application/pdf; charset=utf-8", "image/png"])
    async def test_a_type_that_the_route_takes_is_taken_however_it_is_written(
        self, applicant: Client, stated: str
    ) -> None:
        assert (await sends(applicant, content_type=stated)).status_code == 201

    @pytest.mark.parametrize(
        "stated",
        [
            [],
            [("content-type", "text/html")],
            [("content-type", "")],
            [("content-type", "application/pdf, text/html")],
            [("content-type", "text/html; application/pdf")],
            [("content-type", "application/pdf\u00a0")],
            [("content-type", "application/pdfx")],
            [("content-type", "application/pdf"), ("content-type", "text/html")],
            [("content-type", "application/pdf"), ("content-encoding", "gzip")],
            [("content-type", "multipart/form-data; boundary=x")],
        ],
    )
    async def test_no_other_type_gets_in(
        self, applicant: Client, tmp_path: Path, stated: list[tuple[str, str]]
    ) -> None:
        headers = [("idempotency-key", "k1"), *stated]
        answer = await applicant.http.post(
            ADDRESS, content=PDF, headers=[(name, value.encode("latin-1")) for name, value in headers]
        )
        assert (answer.status_code, answer.headers["accept"]) == (415, "application/pdf, image/png")
        assert kept_in(tmp_path) == []

    @pytest.mark.parametrize(
        ("name", "code"),
        [
            ("a%0d%0aset-cookie%3A%20x", "hidden_character"),
            ("KTP%E2%80%AEgnp.exe", "hidden_character"),
            ("%ff", "file_name_malformed"),
            ("a" * 151, "file_name_malformed"),
            ("a b", "invalid"),
        ],
    )
    async def test_a_name_hides_nothing(self, applicant: Client, name: str, code: str) -> None:
        answer = await sends(applicant, file_name=name)
        assert (answer.status_code, answer.json()["code"]) == (422, code)


class TestSizes:
    async def test_a_stated_length_is_refused_before_a_byte_is_read(self, desk: Door, tmp_path: Path) -> None:
        sent: list[Message] = []

        async def nobody_reads() -> Message:
            raise AssertionError("the body is read")

        async def hears(message: Message) -> None:
            sent.append(message)

        stated = stated_by(desk, **{"content-length": str(papers.LIMIT + 1)})
        await desk.edge(scope_of(stated), nobody_reads, hears)
        assert sent[0]["status"] == 413
        assert kept_in(tmp_path) == []

    async def test_without_a_length_it_ends_at_the_limit(
        self, applicant: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal taken
            while True:
                taken += 2**20
                yield b"x" * 2**20

        answer = await sends(applicant, endless())
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert taken <= papers.LIMIT + 2**21
        assert kept_in(tmp_path) == []

    async def test_a_json_route_takes_what_it_took(self, applicant: Client) -> None:
        """The limit is of the route, not of the address or the process."""
        answer = await applicant.http.post("/v1/lost", content=b"x" * 100_000)
        assert answer.status_code == 404


class TestOnce:
    async def test_the_same_content_gets_the_first_answer_and_is_written_once(
        self, applicant: Client, tmp_path: Path, storage: MemoryStorage, writes: list[int]
    ) -> None:
        first = await sends(applicant, key="k1")
        count = len(writes)
        again = await sends(applicant, in_pieces(PDF), key="k1")
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert len(writes) == count and kept_in(tmp_path) == [PDF]
        assert len(storage.aggregates[Paper]) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"content": PDF + b"x"},
            {"file_name": "b.pdf"},
            {"content_type": "image/png"},
            {"address": ADDRESS + "-lain"},
        ],
        ids=["content", "name", "type", "address"],
    )
    async def test_the_same_key_for_something_else_is_refused_and_nothing_written(
        self, applicant: Client, tmp_path: Path, writes: list[int], other: dict[str, Any]
    ) -> None:
        await sends(applicant, key="k1")
        count = len(writes)
        refused = await sends(applicant, key="k1", **other)
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert len(writes) == count and kept_in(tmp_path) == [PDF]

    async def test_of_many_at_once_one_takes_effect_and_all_hear_of_it(
        self, applicant: Client, tmp_path: Path, storage: MemoryStorage
    ) -> None:
        answers = await asyncio.gather(*(sends(applicant, in_pieces(PDF), key="k1") for _ in range(8)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert len(storage.aggregates[Paper]) == 1 and kept_in(tmp_path) == [PDF]

    async def test_of_different_contents_at_once_one_takes_effect_and_the_others_are_refused(
        self, applicant: Client, tmp_path: Path, storage: MemoryStorage
    ) -> None:
        contents = [PDF + bytes([number]) for number in range(6)]
        answers = await asyncio.gather(*(sends(applicant, content, key="k1") for content in contents))
        assert sorted(answer.status_code for answer in answers) == [201] + [422] * 5
        [paper] = storage.aggregates[Paper].values()
        [kept] = kept_in(tmp_path)
        assert hashlib.sha256(kept).hexdigest() == paper.sha256

    async def test_two_replicas_at_once_keep_one(
        self, desk: Door, applicant: Client, tmp_path: Path, storage: MemoryStorage
    ) -> None:
        async with notes_door(storage, papers.service, shelf=tmp_path) as other:
            other.issuer.keys = desk.issuer.keys
            elsewhere = other.client(sub="applicant-1", roles=["applicant"])
            answers = await asyncio.gather(*(sends(who, key="k1") for who in (applicant, elsewhere) * 3))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert len(storage.aggregates[Paper]) == 1 and kept_in(tmp_path) == [PDF]

    async def test_a_post_without_a_key_is_not_read(self, applicant: Client, tmp_path: Path) -> None:
        headers = {"content-type": "application/pdf"}
        answer = await applicant.http.post(ADDRESS, content=PDF, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_required")
        assert kept_in(tmp_path) == []


class TestDeclarations:
    def test_strangers_send_no_streams(self) -> None:
        body = StreamedBody(media_types=("application/pdf",), limit=10)
        with pytest.raises(TypeError, match="no streams"):
            Routes(tag="x").post(
                "/a/{link}", public=Secret("link"), body=body, summary="Attach a file", operation_id="attach"
            )

    @pytest.mark.parametrize("wrong", [(), ("application/PDF",), ("pdf",), ("*/*",), ("a/b; c=d",)])
    def test_a_media_type_that_could_never_match_is_a_mistake(self, wrong: tuple[str, ...]) -> None:
        with pytest.raises(TypeError, match="media types"):
            StreamedBody(media_types=wrong, limit=10)

    async def test_nobody_without_a_token_or_with_another_role_sends_a_byte(
        self, desk: Door, tmp_path: Path, writes: list[int]
    ) -> None:
        for client, status in ((desk.stranger(), 401), (desk.client(), 403)):
            assert (await sends(client)).status_code == status
        assert writes == [] and kept_in(tmp_path) == []

    async def test_the_document_says_what_is_taken(self, desk: Door) -> None:
        document = (await desk.operator().gets("/openapi.json")).json()
        operation = document["paths"]["/v1/applications/{id}/papers/{kind}"]["post"]
        content = operation["requestBody"]["content"]
        assert set(content) == {"application/pdf", "image/png"}
        assert content["image/png"]["schema"]["maxLength"] == papers.LIMIT
        assert {"408", "413", "415"} <= set(operation["responses"])
        assert "File-Name" in {one["name"] for one in operation["parameters"]}
