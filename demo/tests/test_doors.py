"""The demo behaves as a good client: it repeats what failed, and makes nothing of a refusal."""

import httpx
import pytest
from demo.doors import Doors
from demo.failure import UnableToPlay


def doors(answers: list[httpx.Response], seen: list[httpx.Request]) -> Doors:
    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answers[min(len(seen), len(answers)) - 1]

    client = httpx.AsyncClient(transport=httpx.MockTransport(handle))
    return Doors("http://queue", client, first_pause=0.0)


async def test_a_busy_service_is_asked_again_with_the_same_key():
    seen: list[httpx.Request] = []
    trace = {"traceresponse": f"00-{'a' * 32}-{'b' * 16}-01"}
    answers = [httpx.Response(503), httpx.Response(201, json={"id": "t"}, headers=trace)]
    answer = await doors(answers, seen).post("/v1/tickets", "token", {"service_id": "s"})
    assert answer.body == {"id": "t"} and answer.trace_id == "a" * 32
    assert len({request.headers["idempotency-key"] for request in seen}) == 1 and len(seen) == 2


async def test_a_refusal_is_told_by_its_code():
    answer = await doors([httpx.Response(409, json={"code": "break"})], []).post("/v1/tickets", "t", {})
    assert answer.refused == "break" and answer.body is None


async def test_what_is_no_part_of_a_days_work_ends_the_demo():
    with pytest.raises(UnableToPlay, match="POST /v1/tickets answers 401"):
        await doors([httpx.Response(401, text="who?")], []).post("/v1/tickets", "t", {})


async def test_it_does_not_ask_for_ever():
    seen: list[httpx.Request] = []
    with pytest.raises(UnableToPlay, match="503"):
        await doors([httpx.Response(503)], seen).post("/v1/tickets", "t", {})
    assert len(seen) == 6
