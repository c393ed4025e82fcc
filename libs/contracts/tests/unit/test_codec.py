"""The wire format: what we write, what we read of others, and what we say of a record that can't be read."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gerai.contracts.codec import Reason, Undecodable, believe, decode, encode, headers_of, peek
from gerai.contracts.event import Envelope
from gerai.contracts.hourly import HourCounted
from gerai.contracts.registry import InstitutionChanged

HOUR = datetime(2026, 1, 5, 1, tzinfo=UTC)
ID = UUID("019b8b9b-118a-7cdb-a6cf-8bedca6efff5")
TRACE = "00-fcdba6cf8bedca6efff526583f06d51a-e9463c52bfa555a2-01"
HEADERS = {
    "content-type": "application/json",
    "ce_specversion": "1.0",
    "ce_id": str(ID),
    "ce_type": "hourly.hour-counted.v1",
    "ce_source": "/gerai/hourly",
    "ce_subject": "muna-barat:2026-01-05T01",
    "ce_time": "2026-01-05T01:00:02.500000Z",
    "ce_partitionkey": "muna-barat:2026-01-05T01",
    "ce_sequence": "17",
    "ce_correlationid": "request-1",
}
BODY = b'{"tenant":"muna-barat","hour":"2026-01-05T01:00:00Z","tickets":17}'
STRUCTURED: dict[str, Any] = {
    **{name.removeprefix("ce_"): text for name, text in HEADERS.items() if name.startswith("ce_")},
    "datacontenttype": "application/json",
    "data": json.loads(BODY),
}


def envelope(**more: Any) -> Envelope:
    fields: dict[str, Any] = {
        "id": ID,
        "source": "/gerai/hourly",
        "subject": "muna-barat:2026-01-05T01",
        "sequence": 17,
        "time": datetime(2026, 1, 5, 1, 0, 2, 500000, tzinfo=UTC),
        "correlation_id": "request-1",
        "causation_id": None,
        "event": HourCounted(tenant="muna-barat", hour=HOUR, tickets=17),
    }
    return Envelope(**{**fields, **more})


def on_the_wire(headers: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in headers.items()]


def without(name: str) -> dict[str, str]:
    return {header: text for header, text in HEADERS.items() if header != name}


def reason_of(headers: dict[str, str], value: bytes | None, key: bytes | None = b"a key") -> Reason:
    with pytest.raises(Undecodable) as caught:
        decode(key, value, on_the_wire(headers))
    return caught.value.reason


class TestWriting:
    def test_every_attribute_has_its_header(self) -> None:
        assert headers_of(envelope()) == HEADERS

    def test_what_is_optional_has_a_header_only_where_it_is_known(self) -> None:
        headers = headers_of(envelope(causation_id="c", traceparent=TRACE, replayed_for="queue.registry"))
        assert headers == {
            **HEADERS,
            "ce_causationid": "c",
            "ce_replayedfor": "queue.registry",
            "traceparent": TRACE,
        }

    def test_the_record_is_keyed_by_the_subject(self) -> None:
        key, value, headers = encode(envelope())
        assert (key, value, dict(headers)) == (
            b"muna-barat:2026-01-05T01",
            BODY,
            dict(on_the_wire(HEADERS)),
        )

    def test_a_time_in_another_zone_is_written_as_utc(self) -> None:
        local = datetime(2026, 1, 5, 9, 0, 2, 500000, tzinfo=timezone(timedelta(hours=8)))
        assert headers_of(envelope(time=local))["ce_time"] == HEADERS["ce_time"]

    def test_a_time_without_a_zone_is_a_mistake_of_the_writer(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            headers_of(envelope(time=datetime(2026, 1, 5, 1)))  # noqa: DTZ001


class TestReading:
    def test_binary_mode(self) -> None:
        assert decode(b"a key", BODY, on_the_wire(HEADERS)) == envelope()

    def test_header_names_in_any_case(self) -> None:
        shouted = [(name.upper(), raw) for name, raw in on_the_wire(HEADERS)]
        assert decode(None, BODY, shouted) == envelope()
        assert peek(shouted, BODY) == "hourly.hour-counted.v1"

    @pytest.mark.parametrize(
        "content_type", ["application/cloudevents+json", "Application/CloudEvents+JSON; charset=utf-8"]
    )
    def test_structured_mode(self, content_type: str) -> None:
        headers = [("content-type", content_type.encode())]
        value = json.dumps(STRUCTURED).encode()
        assert peek(headers, value) == "hourly.hour-counted.v1"
        assert decode(b"a key", value, headers) == envelope()

    def test_structured_mode_takes_a_number_as_sequence_and_null_as_absent(self) -> None:
        value = json.dumps({**STRUCTURED, "sequence": 17, "causationid": None}).encode()
        assert decode(None, value, [("content-type", b"application/cloudevents+json")]) == envelope()

    def test_the_key_stands_in_for_a_missing_subject(self) -> None:
        key = HEADERS["ce_partitionkey"]
        assert decode(key.encode(), BODY, on_the_wire(without("ce_subject"))).subject == key

    def test_an_event_without_a_correlation_begins_one(self) -> None:
        assert decode(None, BODY, on_the_wire(without("ce_correlationid"))).correlation_id == str(ID)

    @pytest.mark.parametrize("header", ["traceparent", "ce_traceparent"])
    def test_a_trace_is_followed_under_both_names(self, header: str) -> None:
        assert decode(None, BODY, on_the_wire({**HEADERS, header: TRACE})).traceparent == TRACE

    def test_a_time_in_another_zone_is_read_as_utc(self) -> None:
        read = decode(None, BODY, on_the_wire({**HEADERS, "ce_time": "2026-01-05T09:00:02.5+08:00"})).time
        assert (read, read.tzinfo) == (envelope().time, UTC)

    def test_fields_of_a_newer_producer_are_ignored_also_inside_parts(self) -> None:
        body = {
            "tenant": "muna-barat",
            "id": "bri",
            "active": True,
            "name": "BRI",
            "kind": "state_enterprise",
            "agreement": {"number": "1", "starts": "2026-01-01", "ends": "2026-12-31", "signed": "later"},
            "website": "later",
        }
        headers = on_the_wire({**HEADERS, "ce_type": "registry.institution-changed.v1"})
        event = decode(b"bri", json.dumps(body).encode(), headers).event
        assert isinstance(event, InstitutionChanged)
        assert event.agreement is not None
        assert event.agreement.number == "1"

    def test_peek_does_not_open_the_body(self) -> None:
        assert peek(on_the_wire(HEADERS), b"\xff not JSON") == "hourly.hour-counted.v1"

    def test_headers_may_come_as_a_stream_that_is_read_once(self) -> None:
        assert peek(iter([*on_the_wire(without("ce_type")), ("CE_TYPE", b"x")]), BODY) == "x"


class TestPoison:
    @pytest.mark.parametrize(
        "name", ["ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "ce_sequence"]
    )
    def test_a_header_is_missing(self, name: str) -> None:
        assert reason_of(without(name), BODY) == "missing_header"
        assert reason_of({**HEADERS, name: ""}, BODY) == "missing_header"

    def test_no_headers_at_all(self) -> None:
        assert reason_of({}, BODY) == "missing_header"
        with pytest.raises(Undecodable, match="missing_header"):
            peek([], BODY)

    def test_neither_a_subject_nor_a_key(self) -> None:
        assert reason_of(without("ce_subject"), BODY, key=None) == "missing_header"

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("ce_specversion", "0.3"),
            ("ce_id", "17"),
            ("ce_time", "yesterday"),
            ("ce_time", "2026-01-05T01:00:00"),
            ("ce_time", "2026-01-05"),
            ("ce_time", "0001-01-01T00:00:00+14:00"),
            ("ce_sequence", "0"),
            ("ce_sequence", "-1"),
            ("ce_sequence", "1_0"),
            ("ce_sequence", "٣"),
            ("ce_sequence", "9" * 5000),
        ],
    )
    def test_a_header_is_wrong(self, name: str, text: str) -> None:
        assert reason_of({**HEADERS, name: text}, BODY) == "bad_header"

    def test_a_header_is_not_text(self) -> None:
        with pytest.raises(Undecodable, match="bad_header"):
            decode(None, BODY, [*on_the_wire(without("ce_source")), ("ce_source", b"\xff\xfe")])
        with pytest.raises(Undecodable, match="bad_header"):
            peek([("ce_type", b"\xff\xfe")], BODY)

    @pytest.mark.parametrize("value", [None, b""])
    def test_there_is_no_body(self, value: bytes | None) -> None:
        assert reason_of(HEADERS, value) == "no_body"
        assert reason_of({"content-type": "application/cloudevents+json"}, value) == "no_body"

    @pytest.mark.parametrize("value", [b"{", b"\xff\xfe", b"\x00", b"[" * 100_000, BODY + b"x"])
    def test_the_body_is_not_json(self, value: bytes) -> None:
        assert reason_of(HEADERS, value) == "not_json"
        assert reason_of({"content-type": "application/cloudevents+json"}, value) == "not_json"

    @pytest.mark.parametrize(
        "value",
        [
            b"null",
            b"[]",
            b"17",
            b"{}",
            b'{"tenant":"muna-barat","hour":"2026-01-05T01:00:00Z"}',
            b'{"tenant":"muna-barat","hour":"2026-01-05T01:00:00Z","tickets":"many"}',
            b'{"tenant":"muna-barat","hour":"2026-01-05T01:00:00","tickets":17}',
        ],
    )
    def test_the_body_is_not_what_the_type_says(self, value: bytes) -> None:
        assert reason_of(HEADERS, value) == "invalid_body"

    @pytest.mark.parametrize("value", [b"[]", b"{}", b'{"data": "text"}', b'{"data_base64": "e30="}'])
    def test_a_structured_event_has_an_object_as_data(self, value: bytes) -> None:
        assert reason_of({"content-type": "application/cloudevents+json"}, value) == "invalid_body"

    @pytest.mark.parametrize("type", ["hourly.hour-counted.v2", "hourly.hour-counted.v17"])
    def test_a_version_that_comes_later(self, type: str) -> None:
        assert reason_of({**HEADERS, "ce_type": type}, BODY) == "future_version"

    @pytest.mark.parametrize(
        "type",
        ["hourly.hour-forgotten.v1", "hourly.hour-counted", "hourly.hour-counted.vX", "hourly.v2", ".v1"],
    )
    def test_a_type_that_nobody_declared(self, type: str) -> None:
        assert reason_of({**HEADERS, "ce_type": type}, BODY) == "unknown_type"

    def test_the_detail_names_the_place_and_never_the_value(self) -> None:
        """It is logged and put into dead letters; a stranger's record may hold anything."""
        nik = "7413014101900001"
        for headers, body in [
            ({**HEADERS, "ce_id": nik}, BODY),
            ({**HEADERS, "ce_time": nik}, BODY),
            ({**HEADERS, "ce_sequence": f"-{nik}"}, BODY),
            (HEADERS, BODY.replace(b"17}", f'"NIK {nik}"}}'.encode())),
            ({**HEADERS, "content-type": "application/cloudevents+json"}, f'{{"{nik}": x}}'.encode()),
        ]:
            with pytest.raises(Undecodable) as caught:
                decode(b"a key", body, on_the_wire(headers))
            assert nik not in str(caught.value)

    @settings(deadline=None)
    @given(
        key=st.none() | st.binary(max_size=20),
        value=st.none() | st.binary(max_size=200) | st.just(BODY),
        headers=st.lists(
            st.tuples(
                st.sampled_from([*HEADERS, "traceparent"]) | st.text(max_size=10),
                st.none()
                | st.binary(max_size=30)
                | st.sampled_from([text.encode() for text in HEADERS.values()]),
            ),
            max_size=12,
        ),
    )
    def test_whatever_the_bytes_are_it_is_an_event_or_undecodable(
        self, key: bytes | None, value: bytes | None, headers: Any
    ) -> None:
        try:
            assert isinstance(decode(key, value, headers), Envelope)
        except Undecodable as error:
            assert error.reason in set(Reason)


class TestBelieving:
    """A record that can be read is not yet one that says the truth."""

    SUBJECT = HEADERS["ce_subject"]

    def reason(
        self, *, key: bytes | None = None, topic: str = "hourly.hours", **changed: str
    ) -> Reason | None:
        for body, headers in (
            (BODY, on_the_wire({**HEADERS, **{f"ce_{name}": text for name, text in changed.items()}})),
            (
                json.dumps({**STRUCTURED, **changed}).encode(),
                [("content-type", b"application/cloudevents+json")],
            ),
        ):
            try:
                believe(
                    decode(key or self.SUBJECT.encode(), body, headers),
                    key=key or self.SUBJECT.encode(),
                    topic=topic,
                )
                found = None
            except Undecodable as refused:
                found = refused.reason
            if body == BODY:
                binary = found
        assert binary == found, "both modes are judged alike"
        return found

    def test_what_the_owner_says_of_its_own_on_its_topic_is_believed(self) -> None:
        assert self.reason() is None

    @pytest.mark.parametrize("source", ["/gerai/queue", "/gerai/hourly/", "hourly", "//gerai/hourly"])
    def test_another_source_is_not(self, source: str) -> None:
        assert self.reason(source=source) is Reason.FOREIGN_SOURCE

    @pytest.mark.parametrize("topic", ["queue.tickets", "hourly.hours2"])
    def test_another_topic_is_not(self, topic: str) -> None:
        assert self.reason(topic=topic) is Reason.WRONG_TOPIC

    def test_another_key_is_not(self) -> None:
        assert self.reason(key=b"muna-barat:2026-01-05T02") is Reason.WRONG_KEY
        assert self.reason(partitionkey="muna-barat:2026-01-05T02") is Reason.WRONG_KEY

    def test_a_body_about_something_else_is_not(self) -> None:
        other = "muna-barat:2026-01-05T02"
        assert self.reason(key=other.encode(), subject=other, partitionkey=other) is Reason.WRONG_SUBJECT

    def test_a_record_without_a_key_is_not(self) -> None:
        with pytest.raises(Undecodable, match="wrong_key"):
            believe(envelope(), key=None, topic="hourly.hours")

    @pytest.mark.parametrize("name", ["source", "subject", "correlationid", "causationid"])
    @pytest.mark.parametrize("text", ["a\u202eb", "a\u2028b", "a\nb", "a" * 257])
    def test_hidden_characters_come_into_no_key_and_no_log(self, name: str, text: str) -> None:
        assert self.reason(**{name: text}) is Reason.BAD_HEADER
