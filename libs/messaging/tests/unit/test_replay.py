"""Which records a replay chooses, and that an operator is told when there were none."""

import json
import sys
from dataclasses import replace
from typing import Any

import pytest
from messaging_builders import raw_record, records

from gerai.messaging import replay as replaying
from gerai.messaging.dead_letters import TRUNCATED
from gerai.messaging.record import Record
from gerai.messaging.replay import Extent, _is_wanted

BINARY = records("a")[0]
ID = dict(BINARY.headers)["ce_id"].decode()


def structured(**attributes: Any) -> Record:
    value = json.dumps({"id": ID, "type": "test.jar-filled.v1", "data": {}, **attributes}).encode()
    return raw_record(0, b"a", value, [("content-type", b"application/cloudevents+json; charset=utf-8")])


def as_letter(record: Record) -> Record:
    """As it stands among the dead letters."""
    return replace(record, headers=(("dead_reason", b"planted"), *record.headers))


@pytest.mark.parametrize(
    ("record", "is_wanted"),
    [
        (BINARY, True),
        (as_letter(BINARY), True),
        (replace(BINARY, value=None), True),
        (structured(), True),
        (as_letter(structured()), True),
        (structured(id="another"), False),
        (records("b")[0], False),
        (raw_record(0, b"a", b"not json", [("content-type", b"application/cloudevents+json")]), False),
        (raw_record(0, b"a", b"{}", []), False),
        (replace(BINARY, headers=((TRUNCATED, b"yes"), *BINARY.headers)), False),
    ],
    ids=[
        *("binary", "a dead letter", "one without a body", "structured", "a structured dead letter"),
        *("another structured one", "another binary one", "no JSON", "no id", "only a part"),
    ],
)
def test_an_event_is_found_by_its_id_in_either_mode(record: Record, is_wanted: bool) -> None:
    assert _is_wanted(record, Extent(event_id=ID)) is is_wanted


@pytest.mark.parametrize(
    ("asked", "sent", "is_told"),
    [
        (["--dead-letters", "--event-id", ID], 0, True),
        (["--topic", "test.jars", "--key", "a", "--override"], 0, True),
        (["--topic", "test.jars", "--key", "a", "--override"], 1, False),
        (["--dead-letters"], 0, False),
    ],
)
def test_who_asked_for_one_record_is_told_when_nothing_was_sent(
    asked: list[str], sent: int, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def found(*_: Any, **__: Any) -> int:
        return sent

    monkeypatch.setattr(replaying, "replay", found)
    monkeypatch.setattr(
        sys, "argv", ["replay", "--bootstrap", "nowhere:9092", "--group", "test.fill", *asked]
    )
    if is_told:
        with pytest.raises(SystemExit, match="nothing was sent"):
            replaying.main()
    else:
        replaying.main()
