"""The warning before a cooperation agreement lapses: once, at the right time, moved with the agreement."""

from datetime import UTC, datetime, timedelta

from registry_builders import INSTITUTION, MORNING, RULE, Registrar, bodies

from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.storage import TimerRow
from gerai.registry.domain.institution import Institution
from gerai.registry.use_cases.take_rows import AGREEMENT_TIMER
from gerai.registry.use_cases.when_agreement_nears_end_warn import when_agreement_nears_end_warn

WARNED = datetime(2026, 12, 2, 0, tzinfo=UTC)
"""08:00 in Makassar, 30 days before the first day of 2027."""


def agreement(ends: str) -> dict[str, object]:
    return INSTITUTION | {"agreement": {"number": "PKS/01", "starts": "2025-01-01", "ends": ends}}


def timer(storage: MemoryStorage) -> TimerRow | None:
    return storage.timers.get(f"{AGREEMENT_TIMER}:bri")


async def fires(registrar: Registrar, storage: MemoryStorage, *, at: datetime) -> None:
    row = timer(storage)
    assert row is not None

    async def handle(uow) -> None:
        uow.complete_timer(row)
        await when_agreement_nears_end_warn(row, uow=uow, at=at, rule=RULE)

    await registrar.does(handle)


class TestWarning:
    async def test_is_planned_for_the_morning_thirty_days_before(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2027-01-01"))
        assert timer(storage).due == WARNED

    async def test_is_said_once_with_the_agreement(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2027-01-01"))
        await fires(registrar, storage, at=WARNED)
        [said] = bodies(storage.outbox, "registry.agreements")
        assert said["institution_id"] == "bri"
        assert "2027-01-01" in said.values()
        renamed = agreement("2027-01-01") | {"name": "Bank Rakyat Indonesia"}
        await registrar.replaces(Institution, "bri", renamed, at=WARNED + timedelta(days=1))
        assert timer(storage) is None

    async def test_moves_with_the_agreement(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2027-01-01"))
        await registrar.replaces(Institution, "bri", agreement("2027-01-11"))
        assert timer(storage).due == WARNED + timedelta(days=10)

    async def test_comes_at_once_where_less_time_is_left(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2026-12-05"))
        assert timer(storage).due < MORNING

    async def test_is_not_given_for_an_agreement_that_is_over(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2026-11-23"))
        assert timer(storage) is None

    async def test_goes_with_a_withdrawn_institution(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2027-01-01"))
        await registrar.withdraws(Institution, "bri")
        assert timer(storage) is None

    async def test_a_firing_that_comes_too_early_waits_for_its_time(self, registrar, storage) -> None:
        await registrar.registers(Institution, "bri", agreement("2027-01-01"))
        await fires(registrar, storage, at=WARNED - timedelta(seconds=1))
        assert bodies(storage.outbox, "registry.agreements") == []
        assert timer(storage).due == WARNED
