"""Files as they were handed in, under names that can do no harm, as fast as the client takes them; pages that run nothing
foreign."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notes_door import Client, Door
from papers import Shelf
from papers_desk import LIMITS, PDF, empty, sends, until
from wire import Listener

from gerai.chassis.downloads import content_disposition


@pytest.fixture
async def address(applicant: Client) -> str:
    """Of a paper that was handed in."""
    answer = await sends(applicant, file_name="Surat%20Tanah%20Pak%20%C3%89di.pdf")
    return f"/v1/papers/{answer.json()['id']}"


class TestFiles:
    async def test_it_comes_as_it_was_handed_in(self, applicant: Client, address: str) -> None:
        answer = await applicant.gets(f"{address}/content")
        assert (answer.status_code, answer.content) == (200, PDF)
        headers = answer.headers
        assert headers["content-type"] == "application/pdf"
        assert headers["content-length"] == str(len(PDF))
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert headers["cache-control"] == "no-store"
        assert headers["content-disposition"] == (
            "attachment; filename=\"Surat Tanah Pak Edi.pdf\"; filename*=UTF-8''Surat%20Tanah%20Pak%20%C3%89di.pdf"
        )

    async def test_who_has_it_already_is_told_so_and_nothing_is_read(
        self, applicant: Client, address: str, reads: list[str]
    ) -> None:
        tag = (await applicant.http.head(f"{address}/content")).headers["etag"]
        for stated in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            answer = await applicant.gets(f"{address}/content", headers={"if-none-match": stated})
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert reads == []
        answer = await applicant.gets(f"{address}/content", headers={"if-none-match": '"other"'})
        assert (answer.status_code, len(reads)) == (200, 1)

    async def test_head_says_what_get_would_and_reads_nothing(
        self, applicant: Client, address: str, reads: list[str]
    ) -> None:
        head = await applicant.http.head(f"{address}/content")
        assert (head.status_code, head.content, reads) == (200, b"", [])
        got = await applicant.gets(f"{address}/content")
        same = ("content-length", "content-type", "content-disposition", "etag", "accept-ranges")
        assert [head.headers[name] for name in same] == [got.headers[name] for name in same]

    async def test_what_goes_wrong_before_it_begins_is_a_problem(
        self, applicant: Client, address: str, tmp_path: Path, desk: Door
    ) -> None:
        empty(tmp_path)
        answer = await applicant.gets(f"{address}/content")
        assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
        lost = await applicant.gets(f"/v1/papers/{'0' * 32}/content")
        assert (lost.status_code, lost.headers["content-type"]) == (404, "application/problem+json")
        elsewhere = desk.client(tenant="buton", roles=["applicant"])
        assert (await elsewhere.gets(f"{address}/content")).status_code == 404

    async def test_a_reader_who_does_not_read_holds_the_source_up_and_one_who_leaves_ends_it(
        self, desk: Door, address: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given, closed = 0, False

        async def endless(self: Shelf, place: str) -> AsyncGenerator[bytes, None]:
            nonlocal given, closed
            try:
                while True:
                    given += 1
                    yield b"x" * 1_000
                    await asyncio.sleep(0)
            finally:
                closed = True

        monkeypatch.setattr(Shelf, "read", endless)
        wire = Listener(desk.edge, LIMITS).opens()
        wire.reads = False
        token = desk.issuer.token(sub="applicant-1", roles=["applicant"])
        wire.says(
            f"GET {address}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\r\n".encode()
        )
        await until(lambda: given > 20, "it begins")
        for _ in range(1_000):
            await asyncio.sleep(0)
        assert given < 100 and not closed, "64 KiB wait for the reader, and no more is read"
        wire.leaves()
        await until(lambda: closed, "the source is closed")

    async def test_what_has_no_body_leaves_the_connection_to_the_next_request(
        self, desk: Door, applicant: Client, address: str
    ) -> None:
        tag = (await applicant.http.head(f"{address}/content")).headers["etag"]
        wire = Listener(desk.edge, LIMITS).opens()
        token = desk.issuer.token(sub="applicant-1", roles=["applicant"])
        rest = f"{address}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"
        wire.says(f"HEAD {rest}\r\nGET {rest}if-none-match: {tag}\r\n\r\nGET {rest}\r\n".encode())
        await until(lambda: wire.received.endswith(PDF[-1_000:]), "all three are answered")
        statuses = [int(answer[:3]) for answer in wire.received.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [200, 304, 200] and not wire.closed


class TestNames:
    @pytest.mark.parametrize(
        ("name", "header"),
        [
            ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
            ('a"b\\c.pdf', "attachment; filename=\"abc.pdf\"; filename*=UTF-8''abc.pdf"),
            (
                "a\r\nset-cookie: x=1",
                "attachment; filename=\"aset-cookie x=1\"; filename*=UTF-8''aset-cookie%20x%3D1",
            ),
            ("../../etc/passwd", "attachment; filename=\"etcpasswd\"; filename*=UTF-8''etcpasswd"),
            ("foto\u202egpj.exe", "attachment; filename=\"fotogpj.exe\"; filename*=UTF-8''fotogpj.exe"),
            ("100%.pdf", "attachment; filename=\"100.pdf\"; filename*=UTF-8''100%25.pdf"),
            ("日本", "attachment; filename=\"berkas\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC"),
            ("", "attachment; filename=\"berkas\"; filename*=UTF-8''berkas"),
        ],
    )
    def test_each_is_written_for_old_and_for_new_clients(self, name: str, header: str) -> None:
        assert content_disposition(name) == header

    @given(name=st.text(max_size=400))
    def test_none_of_them_ends_the_header_or_leads_anywhere(self, name: str) -> None:
        header = content_disposition(name, inline=True)
        plain = header.removeprefix('inline; filename="').partition('"; filename*=')[0]
        assert header.isascii() and header.isprintable() and header.count('"') == 2
        assert plain and not set(plain) & set('/\\:*?"<>|%;') - {";"} and not plain.startswith(".")


class TestPages:
    async def test_a_page_loads_and_runs_what_the_service_serves_and_nothing_else(
        self, applicant: Client, address: str
    ) -> None:
        answer = await applicant.gets(f"{address}/page")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        policy = dict(
            part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["form-action"] == "'self'"
        assert "unsafe" not in answer.headers["content-security-policy"]

    async def test_it_is_refused_as_everything_else_is(self, applicant: Client) -> None:
        answer = await applicant.gets(f"/v1/papers/{'0' * 32}/page")
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert "content-security-policy" not in answer.headers

    async def test_a_page_that_states_a_policy_has_that_one(self, desk: Door) -> None:
        answer = await desk.operator().gets("/docs")
        assert answer.headers.get_list("content-security-policy")[0].startswith("default-src 'self'")
        assert len(answer.headers.get_list("content-security-policy")) == 1


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The places that were read from the shelf."""
    opened: list[str] = []
    read = Shelf.read

    async def noted(self: Shelf, place: str) -> AsyncGenerator[bytes, Any]:
        opened.append(place)
        async for chunk in read(self, place):
            yield chunk

    monkeypatch.setattr(Shelf, "read", noted)
    return opened


async def test_the_document_says_what_comes(desk: Door) -> None:
    document = (await desk.operator().gets("/openapi.json")).json()
    operation = document["paths"]["/v1/papers/{paper_id}/content"]["get"]
    good = operation["responses"]["200"]
    assert set(good["content"]) == {"application/pdf", "image/png"}
    assert {"ETag", "Content-Disposition", "X-Correlation-Id"} <= set(good["headers"])
    assert "304" in operation["responses"]
    page = document["paths"]["/v1/papers/{paper_id}/page"]["get"]["responses"]["200"]
    assert set(page["content"]) == {"text/html"}
