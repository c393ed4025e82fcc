"""Which of the issuer's keys are believed, for how long, and how often the issuer is asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from notes_door import Door

from gerai.chassis import keys as issuer_keys
from gerai.chassis.auth import Authenticator
from gerai.chassis.keys import RETRY_S, TRUSTED_S, Keys
from gerai.chassis.problems import Problem
from gerai.chassis.testing import ISSUER, Issuer, eventually

OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def forged(issuer: Issuer, kid: str) -> str:
    return jwt.encode(issuer.claims(), OTHER_KEY, algorithm="ES256", headers={"kid": kid})


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


class Gate:
    """A gate of the API, its issuer, and the clock that its keys are believed by."""

    def __init__(self) -> None:
        self.issuer, self.clock = Issuer(), Clock()
        self.keys = Keys(self.issuer.fetch, now=self.clock)
        self.guard = Authenticator(self.keys, issuer=ISSUER, audience="gerai")

    async def status(self, token: str) -> int:
        try:
            await self.guard.caller(f"Bearer {token}")
        except Problem as problem:
            if problem.status == 503:
                assert problem.headers["Retry-After"]
            return problem.status
        return 200

    def rotate(self) -> None:
        self.issuer.keys = {"k2": OTHER_KEY}


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    monkeypatch.setattr(issuer_keys, "GAP_S", 0.02)
    return Gate()


class TestWithdrawnKey:
    async def test_is_not_believed_beyond_the_bound_though_the_issuer_is_away(self, gate: Gate) -> None:
        known, fresh = gate.issuer.token(sub="known"), gate.issuer.token(sub="fresh")
        assert await gate.status(known) == 200
        gate.rotate()
        gate.issuer.down = True
        gate.clock.at = TRUSTED_S - 1
        assert await gate.status(known) == 200
        gate.clock.at = TRUSTED_S
        assert await gate.status(known) == 503
        assert await gate.status(fresh) == 503

    async def test_is_told_apart_once_the_issuer_is_back(self, gate: Gate) -> None:
        known = gate.issuer.token()
        assert await gate.status(known) == 200
        gate.rotate()
        gate.clock.at = TRUSTED_S
        assert await gate.status(known) == 401
        assert await gate.status(gate.issuer.token(kid="k2")) == 200

    async def test_is_forgotten_with_the_next_look_also_by_tokens_that_were_found_good(
        self, gate: Gate
    ) -> None:
        known = gate.issuer.token()
        assert await gate.status(known) == 200
        gate.rotate()
        await gate.keys._asked()
        assert await gate.status(known) == 401

    async def test_ends_what_is_being_answered(self, gate: Gate) -> None:
        caller = await gate.guard.caller(f"Bearer {gate.issuer.token()}")
        assert caller.seconds_left() > TRUSTED_S - 1 - 10
        gate.clock.at = TRUSTED_S - 7
        assert caller.seconds_left() == 7
        gate.clock.at = TRUSTED_S
        assert caller.seconds_left() == 0

    async def test_counts_from_the_question_and_not_from_its_answer(self, gate: Gate) -> None:
        answer = gate.issuer.fetch

        async def slow() -> Any:
            found = await answer()
            gate.clock.at = 100.0
            return found

        gate.keys._fetch = slow
        await gate.keys._asked()
        assert gate.keys.seconds_left() == TRUSTED_S - 100

    async def test_another_key_under_its_id_makes_its_tokens_worthless(self, gate: Gate) -> None:
        known = gate.issuer.token()
        assert await gate.status(known) == 200
        gate.issuer.keys = {"k1": OTHER_KEY}
        await gate.keys._asked()
        assert await gate.status(known) == 401


class TestAskingTheIssuer:
    async def test_a_known_key_waits_for_nobody(self, gate: Gate) -> None:
        assert await gate.status(gate.issuer.token()) == 200
        gate.keys._fetch = hanging
        stuck = asyncio.create_task(gate.keys._asked())
        gate.clock.at = TRUSTED_S - 1
        async with asyncio.timeout(1):
            assert await gate.status(gate.issuer.token(sub="another")) == 200
        stuck.cancel()

    async def test_a_fresh_key_is_found_by_the_first_request_while_others_send_unknown_ids(
        self, gate: Gate
    ) -> None:
        assert await gate.status(gate.issuer.token()) == 200
        gate.rotate()
        strangers = [gate.status(forged(gate.issuer, f"x{number}")) for number in range(50)]
        *others, fresh = await asyncio.gather(*strangers, gate.status(gate.issuer.token(kid="k2")))
        assert (set(others), fresh) == ({401}, 200)

    async def test_many_unknown_ids_are_one_question(self, gate: Gate) -> None:
        assert await gate.status(gate.issuer.token()) == 200
        answers = [gate.status(forged(gate.issuer, f"x{number}")) for number in range(50)]
        assert set(await asyncio.gather(*answers)) == {401}
        assert gate.issuer.asked == 2

    async def test_a_fresh_key_works_at_once_though_somebody_has_named_it_before_it_was_there(
        self, gate: Gate
    ) -> None:
        assert await gate.status(gate.issuer.token()) == 200
        for _ in range(2):
            assert await gate.status(forged(gate.issuer, "k2")) == 401
        gate.rotate()
        assert await gate.status(gate.issuer.token(kid="k2")) == 200

    async def test_a_flood_of_unknown_ids_holds_up_no_fresh_key(self, gate: Gate) -> None:
        assert await gate.status(gate.issuer.token()) == 200
        flood = [gate.status(forged(gate.issuer, f"x{number % 700}")) for number in range(1_000)]
        gate.rotate()
        *others, fresh = await asyncio.gather(*flood, gate.status(gate.issuer.token(kid="k2")))
        assert (set(others), fresh, gate.issuer.asked) == ({401}, 200, 2)

    async def test_who_finds_no_place_to_wait_is_known_with_the_next_answer(
        self, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(issuer_keys, "WAITING_LIMIT", 3)
        assert await gate.status(gate.issuer.token()) == 200
        gate.rotate()
        fresh = f"Bearer {gate.issuer.token(kid='k2')}"
        flood = [asyncio.create_task(gate.status(forged(gate.issuer, f"x{number}"))) for number in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await gate.guard.caller(fresh)
        assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, "1")
        assert await asyncio.gather(*flood) == [401] * 3
        gate.keys._fetch = hanging
        await gate.guard.caller(fresh)

    async def test_those_who_wait_are_bounded_and_the_others_come_again(
        self, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(issuer_keys, "WAITING_LIMIT", 3)
        monkeypatch.setattr(issuer_keys, "WAIT_S", 0.1)
        gate.keys._fetch = hanging
        answers = [gate.status(forged(gate.issuer, f"x{number}")) for number in range(10)]
        assert await asyncio.gather(*answers) == [503] * 10
        assert gate.keys._waiting == 0

    async def test_between_two_questions_time_passes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(issuer_keys, "GAP_S", 0.3)
        gate = Gate()
        gate.clock = gate.keys._now = asyncio.get_running_loop().time  # type: ignore[assignment]
        begun = gate.keys._now()
        for number in range(3):
            assert await gate.status(forged(gate.issuer, f"x{number}")) == 401
        assert gate.keys._now() - begun >= 0.6
        assert gate.issuer.asked == 3

    async def test_keys_are_refreshed_before_anybody_needs_them(
        self, gate: Gate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(issuer_keys, "REFRESH_S", 0.01)
        running = asyncio.create_task(gate.keys.run())
        await eventually(asked(gate), lambda count: count > 3, because="the keys are kept young")
        gate.issuer.down = True
        monkeypatch.setattr(issuer_keys, "RETRY_S", 0.01)
        now = gate.issuer.asked
        await eventually(asked(gate), lambda count: count > now + 3, because="an absence is waited out")
        assert gate.keys.progress() == {}
        running.cancel()

    async def test_that_nobody_asks_any_more_is_told(self, gate: Gate) -> None:
        gate.clock.at = issuer_keys.STUCK_S + 1
        assert "issuer-keys" in gate.keys.progress()

    def test_there_is_time_for_several_tries(self) -> None:
        assert TRUSTED_S > 3 * (issuer_keys.REFRESH_S + RETRY_S + issuer_keys.FETCH_S)


class TestAbsence:
    async def test_is_our_trouble_and_not_the_callers(self, door: Door) -> None:
        door.issuer.down = True
        answer = await door.client().gets("/v1/notes")
        assert (answer.status_code, answer.json()["code"]) == (503, "busy")
        assert answer.headers["retry-after"]

    @pytest.mark.parametrize(
        "document",
        [
            None,
            [],
            {},
            {"keys": 7},
            {
                "keys": [
                    7,
                    {},
                    {"kty": "EC", "kid": "k1", "crv": "x"},
                    {"kty": "RSA", "kid": "k1", "n": 7, "e": []},
                    {"kid": []},
                ]
            },
        ],
    )
    async def test_is_also_a_document_that_is_none(self, document: Any) -> None:
        async def fetch() -> Any:
            return document

        guard = Authenticator(Keys(fetch), issuer=ISSUER, audience="gerai")
        with pytest.raises(Problem) as refused:
            await guard.caller(f"Bearer {Issuer().token()}")
        assert refused.value.status in (401, 503)


async def hanging() -> Any:
    await asyncio.Event().wait()


def asked(gate: Gate) -> Callable[[], Awaitable[int]]:
    async def count() -> int:
        return gate.issuer.asked

    return count
