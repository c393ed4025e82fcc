"""Nobody is believed without reason: what its topic's owner has not said, or not so, is a dead letter of its own."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar

import pytest
from messaging_builders import JARS, NOON, JarFilled, records

from gerai.contracts.event import Envelope
from gerai.messaging.consumer import Consumer, Subscription
from gerai.messaging.dead_letters import dead_letter, dead_letter_topic, replay_topic
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import MemoryParkedRecords
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.parking import Parking
from gerai.messaging.record import Record
from gerai.messaging.replay import headers_for
from gerai.messaging.replica import HIGHEST_FIRST, LONGEST_JUMP, Replica
from gerai.messaging.unit_of_work import UnitOfWork

GROUP = "test.copy"
REPLAYS = replay_topic(GROUP).name


class Copy(Replica):
    collection: ClassVar[str] = "copies"


class Reader:
    """A service that keeps a copy of the jars of another."""

    def __init__(self) -> None:
        self.storage = MemoryStorage()
        self._offset = 0

    async def reads(self, *given: Record) -> list[str]:
        """The reasons of all dead letters so far."""
        async with GroupCommit(self.storage, source="/gerai/reader") as commit:
            subscription = Subscription(group=GROUP, handlers={JarFilled: keep})
            parking = Parking(GROUP, MemoryParkedRecords(self.storage))
            consumer = Consumer(subscription, commit=commit, parking=parking, now=lambda: NOON)
            for record in given:
                self._offset += 1
                await consumer.handle([replace(record, offset=self._offset)])
        return [str(row.headers["dead_reason"]) for row in self.storage.outbox]

    @property
    def copy(self) -> tuple[str, int, str]:
        found: Any = self.storage.aggregates[Copy]["a"]
        return found.tenant, found.sequence, found.body


async def keep(event: JarFilled, envelope: Envelope, *, uow: UnitOfWork, at: datetime) -> None:
    copy = await uow.find_or_add(Copy(id=event.jar_id, tenant=event.tenant))
    overrides = envelope.overrides is not None
    copy.learn(
        event,
        tenant=event.tenant,
        sequence=envelope.sequence,
        event_id=envelope.id,
        overrides=overrides,
    )


def said(record: Record, *, body: bytes | None = None, **changed: str) -> Record:
    """The record with other attributes."""
    names = {f"ce_{name}": text.encode() for name, text in changed.items()}
    headers = (*((name, raw) for name, raw in record.headers if name not in names), *names.items())
    return replace(record, headers=headers, value=body or record.value)


def version(
    number: int, *, filled: int | None = None, tenant: str = "muna-barat", minute: float | None = None
) -> Record:
    """A jar's state as its owner says it; an event of its own. `minute`: when its id says that it was made."""
    event = JarFilled(tenant=tenant, jar_id="a", filled=filled or number)
    (record,) = records("a")
    id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"a:{number}:{tenant}:{filled}"))
    if minute is not None:
        at = int(minute * 60_000)
        id = str(uuid.UUID(int=(at << 80) | (7 << 76) | (2 << 62) | number << 8 | (filled or 0)))
    return said(record, body=event.model_dump_json().encode(), sequence=str(number), id=id)


def replayed(record: Record, *, topic: str = JARS.name, override: str | None = None) -> Record:
    headers = tuple(headers_for(GROUP, topic, record.headers, override=override))
    return replace(record, topic=REPLAYS, headers=headers)


FORGED: dict[str, tuple[Record, str]] = {
    "a foreign source": (said(version(2), source="/gerai/queue"), "foreign_source"),
    "another topic": (replace(version(2), topic="test.lids"), "wrong_topic"),
    "another key": (replace(version(2), key=b"b"), "wrong_key"),
    "no key": (replace(version(2), key=None), "wrong_key"),
    "another partition key": (said(version(2), partitionkey="b"), "wrong_key"),
    "another subject": (replace(said(version(2), subject="b", partitionkey="b"), key=b"b"), "wrong_subject"),
    "another regency": (version(2, tenant="badung"), "tenant_changed"),
    "an endless version": (version(10**12), "implausible_sequence"),
    "an override beside the replays": (said(version(2), overrides="x"), "wrong_topic"),
}


class TestForgedRecord:
    @pytest.mark.parametrize("case", FORGED)
    async def test_is_a_dead_letter_and_the_genuine_change_is_taken(self, case: str) -> None:
        forged, reason = FORGED[case]
        reader = Reader()
        assert await reader.reads(version(1), forged) == [reason]
        assert await reader.reads(version(3, filled=33)) == [reason]
        assert reader.copy[:2] == ("muna-barat", 3)

    @pytest.mark.parametrize("case", [case for case in FORGED if "override" not in case])
    async def test_is_believed_no_more_when_it_is_replayed_as_a_dead_letter(self, case: str) -> None:
        forged, reason = FORGED[case]
        buried = dead_letter(forged, group=GROUP, reason=reason, detail="", attempts=1)
        headers = tuple((name, as_bytes(raw)) for name, raw in buried.headers.items())
        again = replayed(replace(forged, headers=headers), topic=dead_letter_topic(GROUP).name)
        reader = Reader()
        assert await reader.reads(version(1), again) == [reason]

    async def test_gets_no_origin_by_its_own_words(self) -> None:
        forged = said(replace(version(2), topic="test.lids"), replayedfrom=JARS.name, overrides="x")
        posing = replace(forged, headers=(*forged.headers, ("dead_topic", JARS.name.encode())))
        reader = Reader()
        assert await reader.reads(replayed(posing, topic="test.lids")) == ["wrong_topic"]


class TestVersions:
    async def test_jump_as_far_as_compaction_makes_them(self) -> None:
        reader = Reader()
        assert await reader.reads(version(HIGHEST_FIRST), version(HIGHEST_FIRST + LONGEST_JUMP)) == []
        assert reader.copy[1] == HIGHEST_FIRST + LONGEST_JUMP

    async def test_beyond_that_are_not_believed(self) -> None:
        reader = Reader()
        assert await reader.reads(version(HIGHEST_FIRST + 1)) == ["implausible_sequence"]
        assert await reader.reads(version(1), version(2 + LONGEST_JUMP)) == ["implausible_sequence"] * 2
        assert reader.copy[1] == 1

    async def test_replayed_as_they_came_change_nothing(self) -> None:
        reader = Reader()
        assert await reader.reads(version(2), replayed(version(1)), replayed(version(2))) == []
        assert reader.copy[1] == 2

    async def test_of_an_owner_that_was_restored_from_a_backup_are_heard_of_and_not_dropped(self) -> None:
        """It made versions 1 to 5, lost 4 and 5, and makes another 4 an hour later."""
        reader = Reader()
        before = [version(number, minute=number) for number in range(1, 6)]
        assert await reader.reads(*before) == []
        assert await reader.reads(version(4, filled=44, minute=65)) == ["out_of_sequence"]
        assert reader.copy[1] == 5
        assert await reader.reads(version(6, filled=66, minute=67)) == ["out_of_sequence"]
        assert reader.copy[1] == 6

    async def test_the_same_version_made_twice_is_heard_of_however_soon(self) -> None:
        reader = Reader()
        again = version(5, filled=55, minute=5.1)
        assert await reader.reads(version(5, minute=5), version(5, minute=5), again) == ["out_of_sequence"]

    async def test_delivered_again_or_dated_by_another_clock_are_no_news(self) -> None:
        reader = Reader()
        first, second = version(1, minute=9), version(2, minute=1)
        assert await reader.reads(first, second, replayed(first), replayed(second), first) == []
        assert reader.copy[1] == 2

    async def test_from_before_the_backup_are_no_news_after_the_owner_was_believed_again(self) -> None:
        reader, anew = Reader(), version(3, filled=33, minute=65)
        lost = [version(number, minute=number) for number in (4, 5)]
        await reader.reads(*lost, replayed(anew, override="one"))
        assert await reader.reads(version(3, minute=3)) == []
        assert reader.copy[1] == 3


class TestOverride:
    async def test_brings_the_genuine_state_back_whatever_got_in(self) -> None:
        reader, genuine = Reader(), version(3, filled=33)
        await reader.reads(version(900, filled=9, tenant="badung"))
        assert await reader.reads(genuine) == ["tenant_changed"]
        assert await reader.reads(replayed(genuine, override="one")) == ["tenant_changed"]
        assert reader.copy[:2] == ("muna-barat", 3)
        assert '"filled":33' in reader.copy[2]
        await reader.reads(version(4))
        assert reader.copy[1] == 4

    async def test_takes_an_event_that_was_handled_and_ignored(self) -> None:
        reader, genuine = Reader(), version(3)
        await reader.reads(version(900), genuine)
        assert reader.copy[1] == 900
        await reader.reads(replayed(genuine, override="one"))
        assert reader.copy[1] == 3

    async def test_happens_once(self) -> None:
        reader, correction = Reader(), replayed(version(3), override="one")
        await reader.reads(version(900), correction, version(4), correction)
        assert reader.copy[1] == 4

    async def test_of_a_foreign_record_is_not_believed(self) -> None:
        reader = Reader()
        forged = replayed(said(version(3), source="/gerai/queue"), override="one")
        assert await reader.reads(version(900), forged) == ["foreign_source"]


def as_bytes(raw: str | bytes) -> bytes:
    return raw.encode() if isinstance(raw, str) else raw


def names(headers: Sequence[tuple[str, bytes]]) -> list[str]:
    return [name for name, _ in headers]


def test_a_replay_of_a_replay_has_each_mark_once() -> None:
    again = replayed(replayed(version(1)), topic=REPLAYS)
    marked = names(again.headers)
    assert marked.count("ce_replayedfor") == marked.count("ce_replayedfrom") == 1
    assert dict(again.headers)["ce_replayedfrom"] == JARS.name.encode()
