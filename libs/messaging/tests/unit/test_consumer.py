"""A consumer on twins: each effect once, each key in order, poison aside, other keys flowing."""

from collections import Counter
from dataclasses import replace

import pytest
from messaging_builders import JARS, UnableToFill, raw_record, records, sample
from messaging_shelf import GROUP, OURS, Shelf, later
from pymongo.errors import AutoReconnect

from gerai.messaging import consumer as consuming
from gerai.messaging.outcomes import DeadLetter, Outcome, Park, Retry


class TestEffects:
    async def test_each_effect_happens_once_however_often_it_is_delivered(self, shelf: Shelf) -> None:
        delivered = records("a", "b", "a")
        await shelf.consumer.handle(delivered)
        await shelf.consumer.handle(delivered)
        await shelf.consumer.handle([*delivered, *records("c", start=3)])
        assert shelf.filled() == {"a": 2, "b": 1, "c": 1}

    async def test_one_key_is_handled_in_order(self, shelf: Shelf) -> None:
        await shelf.consumer.handle(records(*["a", "b"] * 20))
        assert [version for key, version in shelf.seen if key == "a"] == list(range(1, 21))

    async def test_what_passes_by_itself_is_tried_again_in_place(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [ConnectionError("away"), TimeoutError("slow")]
        await shelf.consumer.handle(records("a", "a", "b"))
        assert shelf.filled() == {"a": 2, "b": 1}
        assert shelf.dead() == []

    async def test_a_replay_for_another_group_is_skipped(self, shelf: Shelf) -> None:
        await shelf.consumer.handle(records("a", replayed_for="other.group"))
        await shelf.consumer.handle(records("b", replayed_for=GROUP))
        assert shelf.filled() == {"b": 1}


class TestPoison:
    @pytest.mark.parametrize(
        ("value", "headers", "reason"),
        [
            (b"not json", None, "not_json"),
            (b"{}", None, "invalid_body"),
            (b"x" * 1_500_000, None, "too_large"),
            (b"{}", {"large": b"x" * 300_000}, "too_large"),
            (b"{}", {"ce_type": b"test.jar-filled.v9"}, "future_version"),
            (b"{}", {"ce_type": b"nobody.knows.v1"}, "unknown_type"),
            (b"{}", {}, "missing_header"),
            (None, None, "no_body"),
        ],
    )
    async def test_it_is_buried_with_its_bytes_and_the_others_flow(
        self, shelf: Shelf, value: bytes | None, headers: dict[str, bytes] | None, reason: str
    ) -> None:
        good = records("a", "b")
        worn = good[0].headers if headers is None else tuple(headers.items())
        poison = raw_record(9, b"p", value, worn)
        await shelf.consumer.handle([poison, *good])
        await shelf.consumer.handle([poison])
        assert shelf.filled() == {"a": 1, "b": 1}
        (dead,) = shelf.dead()
        assert (dead["reason"], dead["body"]) == (reason, value or b"")
        assert set(dict(worn)) <= set(dead["headers"])

    async def test_a_refusal_is_a_dead_letter_with_its_code(self, shelf: Shelf) -> None:
        # a refusal is only believed after fresh reads, so it has to be refused twice
        shelf.faults["a"] = [UnableToFill("full"), UnableToFill("full")]
        await shelf.consumer.handle(records("a", "b"))
        assert [dead["reason"] for dead in shelf.dead()] == ["full"]
        assert shelf.filled() == {"b": 1}

    async def test_a_subscription_may_shrug_a_refusal_off(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [UnableToFill("full"), UnableToFill("full")]
        await shelf.another(refusals={"full": Outcome.DONE}).handle(records("a", "b"))
        assert shelf.dead() == []
        assert shelf.filled() == {"b": 1}

    async def test_a_broken_replay_for_another_group_is_none_of_our_business(self, shelf: Shelf) -> None:
        await shelf.consumer.handle([raw_record(1, b"p", b"not json", [("ce_replayedfor", b"other.group")])])
        assert shelf.dead() == []

    async def test_a_handler_may_name_poison_itself(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [DeadLetter("no_such_jar")]
        await shelf.consumer.handle(records("a"))
        assert [dead["reason"] for dead in shelf.dead()] == ["no_such_jar"]


class TestParking:
    async def test_a_parked_key_waits_in_order_while_others_flow(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("the jar is not here yet")]
        await shelf.consumer.handle(records("a", "b", "a", "a"))
        await shelf.consumer.handle(records("a", "a", "a", "a", "b", "b", start=10)[3:])
        assert shelf.filled() == {"b": 2}
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert shelf.filled() == {"a": 4, "b": 2}
        assert [version for key, version in shelf.seen if key == "a"] == [1, 2, 3, 4]
        assert shelf.storage.documents["parked"] == {}

    async def test_a_bug_in_a_handler_parks_the_key_after_a_few_tries(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [ValueError("bug")] * 3
        await shelf.consumer.handle(records("a", "b"))
        assert shelf.filled() == {"b": 1}
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert shelf.filled() == {"a": 1, "b": 1}

    async def test_what_never_works_ends_as_a_dead_letter(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [ValueError("bug")] * (consuming.FAULTS_BEFORE_PARKING + 2)
        await shelf.consumer.handle(records("a", "a"))
        await shelf.consumer.retry_parked(owned=OURS, now=later(hours=23))
        assert shelf.dead() == []
        await shelf.consumer.retry_parked(owned=OURS, now=later(hours=25))
        assert [dead["reason"] for dead in shelf.dead()] == ["gave_up"]
        assert shelf.filled() == {"a": 1}

    async def test_a_handler_that_waits_too_long_holds_up_only_its_own_key(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Retry("the printer is warming up")] * (consuming.WAITS_BEFORE_PARKING + 1)
        await shelf.consumer.handle(records("a", "b"))
        assert shelf.filled() == {"b": 1}
        for _ in range(3):
            await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert shelf.filled() == {"a": 1, "b": 1}

    async def test_while_the_store_is_away_nothing_is_parked(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [AutoReconnect("electing")] * 20
        await shelf.consumer.handle(records("a", "b"))
        assert shelf.filled() == {"a": 1, "b": 1}
        assert shelf.storage.documents["parked"] == {}

    async def test_a_new_process_learns_which_keys_wait(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")] * 2
        delivered = records("a", "a", "b")
        await shelf.consumer.handle(delivered[:1])
        successor = shelf.another()
        await successor.load_parked()
        await successor.handle(delivered[1:])
        assert shelf.filled() == {"b": 1}
        shelf.faults.clear()
        await successor.retry_parked(owned=OURS, now=later())
        assert [version for key, version in shelf.seen if key == "a"] == [1, 2]

    async def test_a_parked_record_that_is_delivered_again_waits_on_as_it_was(self, shelf: Shelf) -> None:
        """Else a rebalance would begin its patience anew."""
        shelf.faults["a"] = [Park("not yet")] * 9
        delivered = records("a", "a")
        await shelf.consumer.handle(delivered[:1])
        for hours in (1, 2, 3):
            await shelf.consumer.retry_parked(owned=OURS, now=later(hours))
        before = dict(shelf.storage.documents["parked"])
        successor = shelf.another()
        await successor.load_parked()
        await successor.handle(delivered)
        after = shelf.storage.documents["parked"]
        assert [(id, one["attempts"]) for id, one in before.items()] == [
            (f"{GROUP}:{delivered[0].identity}", 4)
        ]
        assert [after[id] for id in before] == list(before.values())
        assert [one["attempts"] for one in after.values()] == [4, 0]

    async def test_poison_behind_a_parked_record_is_buried_in_its_turn(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")]
        good = records("a", "a")
        poison = raw_record(1, b"a", b"not json", good[1].headers)
        await shelf.consumer.handle([good[0], poison])
        assert shelf.dead() == []
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert [dead["reason"] for dead in shelf.dead()] == ["not_json"]
        assert shelf.filled() == {"a": 1}

    async def test_what_is_too_large_to_be_kept_does_not_wait_behind_a_parked_record(
        self, shelf: Shelf
    ) -> None:
        shelf.faults["a"] = [Park("not yet")]
        large = raw_record(1, b"a", bytes(20 * 1024 * 1024), ())
        await shelf.consumer.handle([*records("a"), large])
        assert [dead["reason"] for dead in shelf.dead()] == ["too_large"]
        assert len(shelf.storage.documents["parked"]) == 1

    async def test_a_reason_that_no_document_can_hold_is_written_out(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("waits for \ud800")]
        await shelf.consumer.handle(records("a"))
        (parked,) = shelf.storage.documents["parked"].values()
        assert parked["reason"] == "waits for \\ud800"

    async def test_only_the_owner_of_the_partition_tries_again(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")]
        await shelf.consumer.handle(records("a"))
        await shelf.consumer.retry_parked(owned={JARS.name: [1]}, now=later())
        assert shelf.filled() == {}

    async def test_lanes_of_others_hold_up_none_of_ours(
        self, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many are due for longer, in partitions of others and in topics that nobody reads any more."""
        monkeypatch.setattr(consuming, "PARKED_LANES", 2)
        shelf.faults = {key: [Park("not yet")] for key in "abcd"}
        a, b, c, d = records("a", "b", "c", "d")
        others = [replace(a, partition=1), replace(b, partition=1), replace(c, topic="given-up")]
        await shelf.consumer.handle(others)
        await shelf.consumer.handle([d])
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert shelf.filled() == {"d": 1}


class TestMetrics:
    @pytest.mark.parametrize(
        ("fault", "counted"),
        [
            ([], {Outcome.DONE: 1}),
            ([Retry("soon")], {Outcome.RETRY: 1, Outcome.DONE: 1}),
            ([Park("not yet")], {Outcome.PARKED: 1}),
            ([DeadLetter("no_such_jar")], {Outcome.DEAD_LETTER: 1}),
        ],
    )
    async def test_each_outcome_is_counted_by_its_name(
        self, shelf: Shelf, fault: list[Exception], counted: dict[Outcome, int]
    ) -> None:
        before, shelf.faults["a"] = outcomes(), fault
        await shelf.consumer.handle(records("a"))
        assert outcomes() - before == counted

    async def test_so_is_what_came_again_and_what_is_for_others(self, shelf: Shelf) -> None:
        await shelf.consumer.handle(records("a"))
        before = outcomes()
        await shelf.consumer.handle([*records("a"), *records("b", replayed_for="other.group")])
        assert outcomes() - before == {Outcome.REPEATED: 1, Outcome.SKIPPED: 1}

    async def test_keys_that_wait_are_shown_for_as_long_as_they_wait(self, shelf: Shelf) -> None:
        shelf.faults["a"] = [Park("not yet")]
        await shelf.consumer.handle(records("a", "a", "b"))
        await shelf.consumer.load_parked()
        assert sample("gerai_consumer_parked_keys", group=GROUP) == 1
        await shelf.consumer.retry_parked(owned=OURS, now=later())
        assert sample("gerai_consumer_parked_keys", group=GROUP) == 0


def outcomes() -> Counter[Outcome]:
    """Records by outcome, so far."""
    name = "gerai_consumer_records_total"
    return Counter({one: int(sample(name, group=GROUP, outcome=one)) for one in Outcome})
