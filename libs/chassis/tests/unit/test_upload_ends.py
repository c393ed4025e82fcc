"""An upload that breaks off, drips, is refused or is interrupted leaves nothing behind, and none lasts without end."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import papers
import pytest
from notes_door import Client, Door
from papers import Paper
from papers_desk import LIMITS, PDF, answered, head_of, in_pieces, kept_in, scope_of, sends, stated_by, until
from pymongo.errors import AutoReconnect
from starlette.types import Message
from wire import Listener

from gerai.chassis import edge, uploads
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Batch, VersionConflict


class TestEnds:
    async def test_what_the_rule_refuses_leaves_nothing_and_the_key_may_try_again(
        self, applicant: Client, tmp_path: Path
    ) -> None:
        refused = await sends(applicant, key="k1", address="/v1/applications/closed/papers/a")
        assert (refused.status_code, refused.json()["code"]) == (409, "application_closed")
        assert kept_in(tmp_path) == []
        assert (await sends(applicant, key="k1")).status_code == 201

    async def test_a_client_that_leaves_in_the_middle_leaves_nothing(
        self, desk: Door, tmp_path: Path, storage: MemoryStorage, aborted: list[str]
    ) -> None:
        wire = Listener(desk.edge, LIMITS).opens()
        wire.says(head_of(desk, **{"content-length": "1000000"}))
        wire.says(PDF[:30_000])
        await until(lambda: bool(kept_in(tmp_path)), "the first half is being written")
        wire.leaves()
        await until(lambda: len(aborted) == 1, "the sink is told")
        assert kept_in(tmp_path) == [] and not storage.aggregates[Paper]

    async def test_a_body_that_is_shorter_than_it_said_leaves_nothing(
        self, desk: Door, tmp_path: Path, aborted: list[str]
    ) -> None:
        listener = Listener(desk.edge, LIMITS)
        wire = listener.opens()
        wire.says(head_of(desk, **{"content-length": "30001"}))
        wire.says(PDF[:30_000])
        await until(lambda: bool(kept_in(tmp_path)), "it is being written")
        listener.at(60)
        assert b" 408 " in wire.received
        await until(lambda: len(aborted) == 1, "the sink is told")
        assert kept_in(tmp_path) == []

    async def test_a_body_that_is_longer_than_it_said_is_cut_there_and_the_rest_is_no_request(
        self, desk: Door, tmp_path: Path
    ) -> None:
        wire = Listener(desk.edge, LIMITS).opens()
        wire.says(head_of(desk, **{"content-length": "9"}) + PDF[:9] + b"DELETE / HTTP/9\r\n\r\n")
        await until(lambda: wire.closed, "the connection ends")
        assert wire.received.count(b"HTTP/1.1 ") == 2 and b" 400 " in wire.received
        assert kept_in(tmp_path) == [PDF[:9]]

    async def test_a_store_that_breaks_while_it_commits_leaves_the_content_to_its_own_time(
        self, applicant: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have been committed: content that somebody refers to is worse lost than content that nobody does is
        kept."""
        monkeypatch.setattr(MemoryStorage, "commit", _breaks)
        answer = await sends(applicant, key="k1")
        assert answer.status_code == 503
        assert kept_in(tmp_path) == [PDF]

    async def test_a_commit_that_only_seemed_to_fail_keeps_its_content(
        self, applicant: Client, tmp_path: Path, storage: MemoryStorage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The second run of the command finds the first one's answer: it is not another upload's."""
        commit = MemoryStorage.commit

        async def commits_and_says_no(self: MemoryStorage, batch: Batch) -> None:
            await commit(self, batch)
            monkeypatch.setattr(MemoryStorage, "commit", commit)
            raise VersionConflict("what a break of the line may look like")

        monkeypatch.setattr(MemoryStorage, "commit", commits_and_says_no)
        answer = await sends(applicant, key="k1")
        assert answer.status_code == 201
        assert len(storage.aggregates[Paper]) == 1 and kept_in(tmp_path) == [PDF]

    async def test_a_sink_that_hangs_is_not_waited_for_without_end(
        self, applicant: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def hangs(self: papers.Placing, chunk: bytes) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr(uploads, "SINK_S", 0.05)
        monkeypatch.setattr(papers.Placing, "write", hangs)
        answer = await sends(applicant)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")

    async def test_one_caller_has_eight_under_way_and_keeps_nobody_else_out(
        self, desk: Door, applicant: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go, begun, write = asyncio.Event(), 0, papers.Placing.write

        async def waits(self: papers.Placing, chunk: bytes) -> None:
            nonlocal begun
            begun += 1
            await go.wait()
            await write(self, chunk)

        monkeypatch.setattr(papers.Placing, "write", waits)
        held = [asyncio.create_task(sends(applicant)) for _ in range(8)]
        await until(lambda: begun == 8, "all of them are under way")
        refused = await sends(applicant)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "15")
        other = asyncio.create_task(sends(desk.client(sub="applicant-2", roles=["applicant"])))
        await until(lambda: begun == 9, "somebody else's is, too")
        go.set()
        assert [(await answer).status_code for answer in (*held, other)] == [201] * 9
        assert (await sends(applicant)).status_code == 201

    async def test_that_one_takes_long_is_no_line_of_the_log(
        self, applicant: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[str] = []
        monkeypatch.setattr(edge, "SLOW_S", 0.0)
        monkeypatch.setattr(edge.log, "warning", lambda event, **_: told.append(event), raising=False)
        assert (await sends(applicant)).status_code == 201
        assert told == []


async def _breaks(self: MemoryStorage, batch: Batch) -> None:
    raise AutoReconnect("the primary has gone")


class TestPace:
    """Time is what each reading of the clock adds to it."""

    async def test_who_drips_is_told_so_and_leaves_nothing(
        self, applicant: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, aborted: list[str]
    ) -> None:
        monkeypatch.setattr(uploads, "time", Ticking(1.0))

        async def drips() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1_000

        answer = await sends(applicant, drips())
        assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
        assert len(aborted) == 1 and kept_in(tmp_path) == []

    async def test_who_is_quick_first_may_not_drip_later(
        self, applicant: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An average over the whole body would let the last bytes of a large one take hours."""
        monkeypatch.setattr(uploads, "time", Ticking(1.0))

        async def bursts_then_drips() -> AsyncIterator[bytes]:
            yield b"x" * 40_000_000
            for _ in range(100):
                yield b"x" * 1_000

        assert (await sends(applicant, bursts_then_drips())).status_code == 408
        assert kept_in(tmp_path) == []

    async def test_who_stops_is_not_waited_for(
        self, desk: Door, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploads, "WINDOW_S", 0.1)
        burst = [{"type": "http.request", "body": b"x" * 1_000, "more_body": True}]
        sent: list[Message] = []

        async def begins_and_stops() -> Message:
            if not burst:
                await asyncio.Event().wait()
            return burst.pop()

        async def hears(message: Message) -> None:
            sent.append(message)

        async with asyncio.timeout(10):
            await desk.edge(scope_of(stated_by(desk)), begins_and_stops, hears)
        assert sent[0]["status"] == 408
        assert kept_in(tmp_path) == []

    async def test_who_is_slow_but_steady_gets_through(
        self, applicant: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploads, "time", Ticking(1.0))
        answer = await sends(applicant, in_pieces(PDF * 10, 17_000))
        assert answer.status_code == 201, "150 seconds at a little more than 16 KiB a second"

    async def test_while_the_sink_is_slow_the_client_is_not_late(
        self, applicant: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock, write = Ticking(0.0), papers.Placing.write

        async def takes_a_minute(self: papers.Placing, chunk: bytes) -> None:
            clock.now += 60
            await write(self, chunk)

        monkeypatch.setattr(uploads, "time", clock)
        monkeypatch.setattr(papers.Placing, "write", takes_a_minute)
        assert (await sends(applicant, in_pieces(PDF, 1_000))).status_code == 201

    async def test_while_the_sink_is_slow_the_socket_is_not_read(
        self, desk: Door, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        go, largest, write = asyncio.Event(), 0, papers.Placing.write

        async def waits(self: papers.Placing, chunk: bytes) -> None:
            nonlocal largest
            largest = max(largest, len(chunk))
            await go.wait()
            await write(self, chunk)

        monkeypatch.setattr(papers.Placing, "write", waits)
        wire, large = Listener(desk.edge, LIMITS).opens(), PDF * 4
        wire.says(head_of(desk, **{"content-length": str(len(large))}))
        sent = 0
        while not wire.paused:
            wire.says(large[sent : sent + 16_384])
            sent += 16_384
            await asyncio.sleep(0)
        assert sent < 200_000, "one piece is in the sink's hands, one waits"
        go.set()
        while sent < len(large):
            await until(lambda: not wire.paused, "more is read")
            wire.says(large[sent : sent + 16_384])
            sent += 16_384
        assert b" 201 " in await answered(wire)
        assert largest <= 100_000


class Ticking:
    """In the place of `time`."""

    def __init__(self, step: float) -> None:
        self.now = 0.0
        self._step = step

    def monotonic(self) -> float:
        self.now += self._step
        return self.now
