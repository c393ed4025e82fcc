"""A large import through the front door: bounded transactions, one answer, and a retry that goes on."""

import asyncio
from typing import Any

import pytest
from registry_builders import COUNTER, INSTITUTION, SERVICE, SITE
from registry_front_door import Client, front_door

from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import Batch, StoreBusy
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.service import Service
from gerai.registry.entrypoints.one_by_one import WAITING, OneByOne, TooManyAtOnce
from gerai.registry.use_cases.split_import import PART

SERVICES = 230
KEY = "import-1"


def prefix(number: int) -> str:
    return "".join(chr(ord("A") + number // 26**place % 26) for place in (2, 1, 0))


def mall(count: int = SERVICES, **more: Any) -> dict[str, list[dict[str, Any]]]:
    """Two services at each counter."""
    return {
        "sites": [{"id": "mpp", **SITE}],
        "institutions": [{"id": "dpmptsp", **INSTITUTION}],
        "counters": [{"id": f"c{n}", **COUNTER} for n in range(count // 2)],
        "services": [
            {"id": f"s{n}", **SERVICE, "counter_id": f"c{n // 2}", "prefix": prefix(n), **more}
            for n in range(count)
        ],
    }


class Interrupted(MemoryStorage):
    """The twin, which notes how much each transaction writes, and can break or be disturbed between two."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[int] = []
        self.breaks_after: int | None = None
        self.disturb: Any = None

    async def commit(self, batch: Batch) -> None:
        if self.breaks_after == len(self.sizes):
            raise StoreBusy("planted: the process dies here")
        await super().commit(batch)
        self.sizes.append(len(batch.added) + len(batch.changed))
        if self.disturb is not None and len(self.sizes) == 2:
            self.disturb()


@pytest.fixture
def storage() -> Interrupted:
    return Interrupted()


async def imports(storage: MemoryStorage, body: Any, **more: Any):
    async with front_door(storage) as door:
        return await Client(door).posts("/v1/imports", body, key=KEY, **more)


async def test_a_large_import_is_written_in_parts_and_answered_once(storage: Interrupted) -> None:
    answer = await imports(storage, mall())
    assert answer.status_code == 200
    report = answer.json()
    assert (report["registered"], report["changed"], report["unchanged"]) == (SERVICES * 3 // 2 + 2, 0, 0)
    ids = [(one["section"], one["id"]) for one in report["entries"]]
    assert ids == [(section, row["id"]) for section, rows in mall().items() for row in rows]
    assert len(storage.sizes) == -(-len(ids) // PART)
    assert max(storage.sizes) <= PART + 1, "and the register itself"
    again = await imports(storage, mall())
    assert (again.content, again.headers["idempotency-replayed"]) == (answer.content, "true")
    assert len(storage.sizes) == -(-len(ids) // PART)


@pytest.mark.parametrize("written", [0, 1, 3, 6])
async def test_a_retry_goes_on_where_a_killed_process_stopped_and_answers_the_same(
    storage: Interrupted, written: int
) -> None:
    whole = await imports(MemoryStorage(), mall())
    storage.breaks_after = written
    assert (await imports(storage, mall())).status_code == 503
    assert len(storage.sizes) == written
    storage.breaks_after = None
    answer = await imports(storage, mall())
    assert answer.json() == whole.json()
    assert len(storage.outbox) == SERVICES * 3 // 2 + 2, "nothing is said twice"


async def test_the_same_key_with_another_file_is_refused_in_the_middle_too(storage: Interrupted) -> None:
    storage.breaks_after = 2
    await imports(storage, mall())
    storage.breaks_after = None
    answer = await imports(storage, mall(SERVICES - 2))
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_nothing_is_written_where_the_last_row_is_bad(storage: Interrupted) -> None:
    body = mall()
    body["services"][-1]["counter_id"] = "nowhere"
    answer = await imports(storage, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "rows_refused")
    assert [one["field"] for one in answer.json()["errors"]] == [f"services.{SERVICES - 1}.counter_id"]
    assert storage.sizes == []


async def test_a_change_in_between_is_named_and_the_retry_goes_on_once_it_is_mended(
    storage: Interrupted,
) -> None:
    def withdrawn(active: bool) -> None:
        counter = storage.aggregates[Counter]["c10"]
        storage.aggregates[Counter]["c10"] = counter.model_copy(
            update={"active": active, "version": counter.version + 1}
        )

    storage.disturb = lambda: withdrawn(active=False)
    answer = await imports(storage, mall())
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "import_unfinished")
    assert {one["code"] for one in problem["errors"]} == {"parent_withdrawn"}
    assert [one["field"] for one in problem["errors"]] == ["services.20.counter_id", "services.21.counter_id"]
    written = problem["details"]["rows_written"]
    assert written == sum(map(len, storage.aggregates.values())) - 1, "all entries, and not the register"
    storage.disturb = None
    withdrawn(active=True)
    answer = await imports(storage, mall())
    assert answer.status_code == 200
    assert answer.json()["registered"] == SERVICES * 3 // 2 + 2
    assert len(storage.aggregates[Service]) == SERVICES


async def test_two_runs_of_one_request_at_two_replicas_write_it_once(storage: Interrupted) -> None:
    one, other = await asyncio.gather(imports(storage, mall()), imports(storage, mall()))
    assert one.json() == other.json()
    assert one.json()["registered"] == SERVICES * 3 // 2 + 2
    assert len(storage.outbox) == SERVICES * 3 // 2 + 2


async def test_a_dry_run_of_a_large_file_writes_nothing(storage: Interrupted) -> None:
    answer = await imports(storage, mall(), dry_run=True)
    assert (answer.json()["dry_run"], answer.json()["registered"]) == (True, SERVICES * 3 // 2 + 2)
    assert storage.sizes == []


class TestOneByOne:
    async def test_a_regency_has_one_at_a_time_and_another_does_not_wait(self) -> None:
        turns, inside = OneByOne(), []
        async with turns.turn("buton"):
            second = asyncio.create_task(self.enters(turns, "buton", inside))
            await self.enters(turns, "muna", inside)
            assert inside == ["muna"]
        await second
        assert inside == ["muna", "buton"]
        assert not turns._turns, "nothing is kept of those that are through"

    async def test_too_many_of_one_regency_are_refused_and_another_is_let_in(self) -> None:
        turns, inside = OneByOne(), []
        async with turns.turn("buton"):
            waiting = [asyncio.create_task(self.enters(turns, "buton", inside)) for _ in range(WAITING)]
            await asyncio.sleep(0)
            with pytest.raises(TooManyAtOnce):
                await self.enters(turns, "buton", inside)
            await self.enters(turns, "muna", inside)
        await asyncio.gather(*waiting)
        assert len(inside) == WAITING + 1

    @staticmethod
    async def enters(turns: OneByOne, tenant: str, inside: list[str]) -> None:
        async with turns.turn(tenant):
            inside.append(tenant)
