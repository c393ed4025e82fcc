"""Logs: one JSON object a line, ids to follow, and no personal data whatever is logged."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from notes_door import Door

from gerai.chassis import logs
from gerai.chassis.logs import CORRELATION_ID, masked

NIK = "7413010101900001"


class Applicant:
    def __repr__(self) -> str:
        return f"Applicant({NIK})"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    written = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", written)
        logs.configure(service="notes", level="info")
    structlog.configure(cache_logger_on_first_use=False)  # this output ends with the test
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers, root.level = handlers, level


class TestMasking:
    @pytest.mark.parametrize(
        ("text", "shown"),
        [
            (f"NIK {NIK} came", "NIK [nik] came"),
            (f"nik={NIK}", "nik=[nik]"),
            ("7413 0101 0190 0001", "[nik]"),
            ("7413.0101.0190.0001", "[nik]"),
            ("call 081234567890", "call [phone]"),
            ("call 0812-3456-7890", "call [phone]"),
            ("call +62 812 3456 7890", "call [phone]"),
            ("call 6281234567890", "call [phone]"),
            ("Bearer eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl", "Bearer [token]"),
            ("mongodb://gerai:hunter2@db/x", "mongodb://[login]@db/x"),
        ],
    )
    def test_what_looks_like_personal_data_is_taken_out(self, text: str, shown: str) -> None:
        assert masked(text) == shown

    @pytest.mark.parametrize(
        "text",
        [
            "01938b3c-4d5e-7081-8234-567890123456",
            "018f2c3e-0812-7abc-8def-081234567890",
            "2026-11-24T08:12:12.123456+00:00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "A-012 took 812 ms",
        ],
    )
    def test_what_leads_to_a_record_stays(self, text: str) -> None:
        assert masked(text) == text

    def test_no_way_in_leads_out(self, lines: Callable[[], list[dict[str, Any]]]) -> None:
        log = structlog.get_logger("x")
        log.info("as-number", number=int(NIK))
        log.info("in-depth", visitors=[{"who": {"number": NIK, "token": "abc"}, NIK: 1}])
        log.info("as-object", applicant=Applicant(), several={Applicant()})
        log.info("by-name", link="abc", Authorization="abc", phone="abc")
        log.info(f"in the event {NIK}")
        logging.getLogger("library").error("from a library: %s", NIK)
        try:
            raise ValueError(f"no place for {NIK}")
        except ValueError:
            log.exception("in-a-trace")
            logging.getLogger("library").exception("in a library's trace")
        written = lines()
        assert len(written) == 8
        text = json.dumps(written)
        assert NIK not in text
        assert '"abc"' not in text
        assert text.count("ValueError") >= 2


class TestLines:
    async def test_a_line_names_its_service_and_request(
        self, lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        CORRELATION_ID.set("visit-1")
        structlog.get_logger("x").info("ticket-called", number="A-012")
        [line] = lines()
        assert (line["event"], line["level"], line["service"]) == ("ticket-called", "info", "notes")
        assert (line["correlation_id"], line["number"]) == ("visit-1", "A-012")
        assert line["timestamp"].endswith("Z")

    async def test_a_bug_is_logged_once_and_leads_to_its_trace(
        self, door: Door, lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        answer = await door.stranger().gets("/v1/broken")
        written = {line["event"]: line for line in lines()}
        assert set(written) == {"request-failed", "request"}
        bug = written["request-failed"]
        assert bug["correlation_id"] == answer.headers["x-correlation-id"]
        assert bug["trace_id"] == answer.headers["traceresponse"].split("-")[1]
        assert "RuntimeError" in bug["exception"]
        assert written["request"]["route"] == "/v1/broken"

    async def test_a_good_request_writes_nothing(
        self, door: Door, lines: Callable[[], list[dict[str, Any]]]
    ) -> None:
        assert (await door.client().adds({"text": "a"})).status_code == 201
        assert lines() == []
