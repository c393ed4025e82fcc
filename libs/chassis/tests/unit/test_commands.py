"""A command takes effect once, and its answer is the same however often it is asked for."""

import asyncio
import hashlib
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidTag
from notes import Note
from notes_door import Client, Door

from gerai.chassis.answers import Repeatable
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.refusal import UnableToRepeat
from gerai.messaging.storage import StoredAnswer


class TestIdempotency:
    async def test_a_repeated_post_gets_the_very_same_answer(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        first = await officer.adds({"text": "a"}, key="k1")
        again = await officer.adds({"text": "a"}, key="k1")
        assert (first.status_code, first.headers.get("idempotency-replayed")) == (201, None)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["etag"] == first.headers["etag"] == '"1"'
        assert again.headers["idempotency-replayed"] == "true"
        assert len(storage.aggregates[Note]) == 1

    async def test_forty_at_once_are_one(self, officer: Client, storage: MemoryStorage) -> None:
        answers = await asyncio.gather(*(officer.adds({"text": "a"}, key="k1") for _ in range(40)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert len(storage.aggregates[Note]) == 1

    async def test_the_same_key_with_another_body_is_refused(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        await officer.adds({"text": "a"}, key="k1")
        refused = await officer.adds({"text": "b"}, key="k1")
        assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
        assert len(storage.aggregates[Note]) == 1

    async def test_a_key_belongs_to_one_caller(self, door: Door, storage: MemoryStorage) -> None:
        for claims in ({}, {"sub": "officer-2"}, {"tenant": "muna"}, {"sub": "officer-1 k1"}):
            answer = await door.client(**claims).adds({"text": "a"}, key="k1")
            assert "idempotency-replayed" not in answer.headers
        assert len(storage.aggregates[Note]) == 4

    async def test_neither_the_key_nor_the_answer_can_be_read_where_they_are_kept(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        first = await officer.adds({"text": "a visitor's secret"}, key="counter-7")
        [(_, id)], [kept] = storage.idempotency_keys, storage.idempotency_keys.values()
        assert b"secret" in first.content
        assert b"secret" not in kept.body
        assert "counter-7" not in f"{id} {kept}"
        again = await officer.adds({"text": "a visitor's secret"}, key="counter-7")
        assert again.content == first.content

    async def test_an_answer_that_was_kept_in_clear_is_given_again(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        await officer.adds({"text": "a"}, key="k1")
        [(id, kept)] = storage.idempotency_keys.items()
        storage.idempotency_keys[id] = replace(
            kept, body=b'{"text": "from before"}', headers={"status": "201"}
        )
        again = await officer.adds({"text": "a"}, key="k1")
        assert (again.status_code, again.json()) == (201, {"text": "from before"})

    async def test_what_was_asked_cannot_be_found_by_trying_what_it_may_have_been(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        """A plain hash of a body that holds a NIK would give it away to whoever reads the database."""
        await officer.adds({"text": "7403012509870001"}, key="k1")
        [kept] = storage.idempotency_keys.values()
        guessed = hashlib.sha256(b'POST /v1/notes?\n{"text":"7403012509870001"}').hexdigest()
        assert kept.fingerprint != guessed and len(kept.fingerprint) == 64

    async def test_what_the_version_before_kept_with_a_plain_hash_is_given_again(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        first = await officer.adds({"text": "a"}, key="k1")
        [(id, kept)] = storage.idempotency_keys.items()
        plain = hashlib.sha256(b'POST /v1/notes?\n{"text":"a"}').hexdigest()
        storage.idempotency_keys[id] = replace(kept, fingerprint=plain)
        assert (await officer.adds({"text": "a"}, key="k1")).content == first.content
        assert (await officer.adds({"text": "b"}, key="k1")).status_code == 422

    async def test_an_answer_cannot_be_put_in_another_ones_place(
        self, officer: Client, storage: MemoryStorage
    ) -> None:
        request = Repeatable.of("muna-barat officer-1", "k1", fingerprint="f")
        sealed = request.part(0).seal(StoredAnswer(body=b"a"))
        assert request.part(0).open(sealed).body == b"a"
        for other in (request.part(1), Repeatable.of("muna officer-1", "k1", fingerprint="f")):
            with pytest.raises(InvalidTag):
                other.open(sealed)

    @pytest.mark.parametrize(
        "key",
        [
            "7413010101900001",
            "7413-0101-0190-0001",
            "nik-7413010101900001",
            "nik7413010101900001",
            "a_7413010101900001",
        ],
    )
    async def test_a_key_that_may_be_a_nik_is_refused(
        self, officer: Client, storage: MemoryStorage, key: str
    ) -> None:
        refused = await officer.adds({"text": "a"}, key=key)
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_personal")
        assert (refused.json()["field"], storage.commits) == ("Idempotency-Key", 0)

    @pytest.mark.parametrize(
        "key",
        [
            "1796000000000",
            "1796000000000000000",
            "kiosk-3-20261128123045-17",
            "01234567-8912-4345-8678-901234567890",
            "1234567890123456abcdef1234567890",
            "1234567890123456" * 4,
        ],
    )
    async def test_times_uuids_and_hashes_are_keys(self, officer: Client, key: str) -> None:
        assert (await officer.adds({"text": "a"}, key=key)).status_code == 201

    def test_an_answer_that_told_of_who_was_forgotten_is_refused_by_name(self) -> None:
        asked = Repeatable.of("tenant officer-1", "k1", fingerprint="f")
        kept = replace(asked.seal(StoredAnswer(body=b"Wa Ode")), body=b"", forgotten=True)
        with pytest.raises(UnableToRepeat) as refused:
            asked.open(kept)
        assert refused.value.code == "answer_forgotten"

    async def test_a_post_without_a_key_is_refused(self, officer: Client, storage: MemoryStorage) -> None:
        refused = await officer.http.post("/v1/notes", json={"text": "a"})
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_required")
        assert refused.json()["field"] == "Idempotency-Key"
        assert storage.commits == 0

    @pytest.mark.parametrize("key", ["", "two words", "x" * 129])
    async def test_a_key_that_is_none_is_refused(self, officer: Client, key: str) -> None:
        refused = await officer.sends(b'{"text": "a"}', **{"idempotency-key": key})
        assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_malformed")

    async def test_a_refusal_is_not_kept_under_its_key(self, officer: Client) -> None:
        assert (await officer.adds({"text": "closed"}, key="k1")).status_code == 409
        assert (await officer.adds({"text": "open"}, key="k1")).status_code == 201


class TestVersions:
    async def test_who_read_it_last_changes_it(self, officer: Client) -> None:
        path = f"/v1/notes/{(await officer.adds({'text': 'a'})).json()['id']}"
        changed = await officer.http.put(path, json={"text": "b"}, headers={"if-match": '"1"'})
        assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')

    @pytest.mark.parametrize(
        ("stated", "status", "code"),
        [
            (None, 428, "precondition_required"),
            ("*", 428, "precondition_required"),
            ('"2"', 412, "stale_version"),
            ('W/"1"', 412, "stale_version"),
            ("1", 412, "stale_version"),
            ('"abc"', 412, "stale_version"),
        ],
    )
    async def test_who_did_not_changes_nothing(
        self, officer: Client, storage: MemoryStorage, stated: str | None, status: int, code: str
    ) -> None:
        path = f"/v1/notes/{(await officer.adds({'text': 'a'})).json()['id']}"
        headers = {"if-match": stated} if stated is not None else {}
        refused = await officer.http.put(path, json={"text": "b"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (status, code)
        assert (await officer.gets(path)).json()["text"] == "a"


class TestContext:
    async def test_a_correlation_id_is_taken_over_and_given_back(self, officer: Client) -> None:
        answer = await officer.gets(
            "/v1/notes", headers={"x-correlation-id": "019b8bb4-2e39-76d0-9126-09245fb21820"}
        )
        assert answer.headers["x-correlation-id"] == "019b8bb4-2e39-76d0-9126-09245fb21820"

    @pytest.mark.parametrize(
        "sent",
        [
            "a b",
            "x" * 65,
            'a"b',
            "visit-1",
            "7413010101900001",
            "nik-7413010101900001",
            "u081234567890",
            "7413010101900001" + "-" * 16,
            "7413-0101-0190-0001-abcdef-abcdef-ab",
            "0123456789abcdef0123456789abcdef0123",
        ],
    )
    async def test_one_that_could_carry_something_is_replaced(self, officer: Client, sent: str) -> None:
        answer = await officer.gets("/v1/notes", headers={"x-correlation-id": sent})
        assert answer.headers["x-correlation-id"] != sent
        assert len(answer.headers["x-correlation-id"]) == 32
