"""A use case that says what it will read, so that whoever runs it (a route, a subscription, a timer) need not say it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from inspect import Parameter, signature
from typing import Any, TypeVar

from gerai.messaging.member import NOTHING, Needs

UseCase = TypeVar("UseCase", bound=Callable[..., Awaitable[Any]])

FROM_THE_RUNNER = {"tenant": str | None, "at": datetime}
"""What `needs` may ask for beside the use case's own arguments."""
GIVEN_BY_THE_RUNNER = {"self", "uow", "at"}
"""Arguments of a use case that are not its own."""


class UnknownArgument(TypeError):
    """`needs` asks for what the use case does not have, or has with another type."""


@dataclass(frozen=True, slots=True)
class _Reading:
    needs: Callable[..., Needs]
    own: tuple[str, ...]
    """The use case's own arguments, in order."""
    defaults: Mapping[str, Any]
    wanted: tuple[str, ...]

    def of(self, args: Sequence[Any], kwargs: Mapping[str, Any], tenant: str | None, at: datetime) -> Needs:
        given = {
            **self.defaults,
            **dict(zip(self.own, args, strict=False)),
            **kwargs,
            "tenant": tenant,
            "at": at,
        }
        return self.needs(**{name: given[name] for name in self.wanted})


_READINGS: dict[Callable[..., Awaitable[Any]], _Reading] = {}


def command(*, needs: Callable[..., Needs]) -> Callable[[UseCase], UseCase]:
    """Declare what a use case reads; the group commit reads it at once for all commands of a group.

    `needs` takes those of the use case's own arguments that it wants, under the same names and with the same types, and
    may take `tenant` (the caller's regency, or None) and `at`. Raises UnknownArgument, where the use case is defined, if
    it asks for anything else.
    """

    def declare(use_case: UseCase) -> UseCase:
        own = {
            name: parameter
            for name, parameter in signature(use_case).parameters.items()
            if name not in GIVEN_BY_THE_RUNNER
        }
        wanted = signature(needs).parameters
        types = {**{name: parameter.annotation for name, parameter in own.items()}, **FROM_THE_RUNNER}
        for name, parameter in wanted.items():
            if name not in types or parameter.annotation != types[name]:
                raise UnknownArgument(
                    f"{needs.__name__}({name}): {use_case.__qualname__} has no such argument"
                )
        defaults = {
            name: parameter.default
            for name, parameter in own.items()
            if parameter.default is not Parameter.empty
        }
        _READINGS[use_case] = _Reading(needs, tuple(own), defaults, tuple(wanted))
        return use_case

    return declare


def needs_of(
    use_case: Callable[..., Awaitable[Any]],
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    *,
    tenant: str | None,
    at: datetime,
) -> Needs:
    """What a use case will read with these arguments of its own; NOTHING where it does not say. Raises what its `needs`
    refuses."""
    reading = _READINGS.get(getattr(use_case, "__func__", use_case))
    return reading.of(args, kwargs, tenant, at) if reading is not None else NOTHING
