"""A use case says what it will read; whoever runs it asks for that with the same arguments."""

from datetime import UTC, datetime

import pytest

from gerai.messaging.command import UnknownArgument, command, needs_of
from gerai.messaging.group_commit import NOTHING, Needs
from gerai.messaging.unit_of_work import UnitOfWork

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def what_greeting_needs(name: str, *, tenant: str | None, at: datetime, times: int) -> Needs:
    return Needs(weight=len(f"{tenant}{name}") * times + at.year)


@command(needs=what_greeting_needs)
async def greet(uow: UnitOfWork, at: datetime, name: str, *, loudly: bool, times: int = 1) -> None: ...


async def say_nothing(uow: UnitOfWork, at: datetime) -> None: ...


class TestNeeds:
    @pytest.mark.parametrize(
        ("args", "kwargs", "weight"),
        [
            (("La Ode",), {"loudly": True}, 2026 + 10),
            ((), {"name": "La Ode", "loudly": True, "times": 2}, 2026 + 20),
        ],
    )
    def test_follow_from_the_arguments_of_the_use_case(self, args, kwargs, weight) -> None:
        assert needs_of(greet, args, kwargs, tenant="muna", at=NOW) == Needs(weight=weight)

    def test_are_nothing_where_the_use_case_says_nothing(self) -> None:
        assert needs_of(say_nothing, (), {}, tenant=None, at=NOW) is NOTHING

    def test_of_a_reaction_follow_from_its_event(self) -> None:
        def what_hearing_needs(event: str) -> Needs:
            return Needs(weight=len(event))

        @command(needs=what_hearing_needs)
        async def when_called_listen(event: str, envelope: str, *, uow: UnitOfWork, at: datetime) -> None: ...

        needs = needs_of(when_called_listen, ("A-012", "envelope"), {}, tenant=None, at=NOW)
        assert needs == Needs(weight=5)

    @pytest.mark.parametrize("mistake", ["another name", "another type"])
    def test_that_ask_for_what_the_use_case_does_not_have_are_found_at_its_definition(self, mistake) -> None:
        def misnamed(nama: str) -> Needs:
            return NOTHING

        def mistyped(name: int) -> Needs:
            return NOTHING

        with pytest.raises(UnknownArgument, match=r"greet has no such argument"):
            command(needs=misnamed if mistake == "another name" else mistyped)(greet)
