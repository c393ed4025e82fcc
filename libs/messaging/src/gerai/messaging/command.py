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
    """Made once, where the use case is defined: a request only looks up what `needs` wants."""

    needs: Callable[..., Needs]
    places: tuple[tuple[str, int], ...]
    """The use case's own arguments that `needs` wants, each with its place among them."""
    defaults: Mapping[str, Any]
    wants_tenant: bool
    wants_at: bool

    def of(self, args: Sequence[Any], kwargs: Mapping[str, Any], tenant: str | None, at: datetime) -> Needs:
        chosen: dict[str, Any] = {}
        by_position = len(args)
        for name, place in self.places:
            if place < by_position:
                chosen[name] = args[place]
            else:
                chosen[name] = kwargs[name] if name in kwargs else self.defaults[name]
        if self.wants_tenant:
            chosen["tenant"] = tenant
        if self.wants_at:
            chosen["at"] = at
        return self.needs(**chosen)


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
        places = tuple((name, place) for place, name in enumerate(own) if name in wanted)
        _READINGS[use_case] = _Reading(needs, places, defaults, "tenant" in wanted, "at" in wanted)
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
