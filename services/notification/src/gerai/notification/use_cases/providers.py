"""What sending needs to know of the outside: which provider carries which channel, and the port that a provider is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gerai.contracts.notification import Channel
from gerai.messaging.job import Outcome
from gerai.notification.domain.template import Rendered


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """One message on its way to one address."""

    address: str
    message: Rendered
    idempotency_key: str
    """The same with each attempt of one delivery."""


class Provider(Protocol):
    """Carries messages of one channel. One adapter for each kind of provider."""

    name: str
    channel: Channel
    takes_idempotency_key: bool
    """True: sending the same key again sends nothing."""
    per_second: float

    async def send(self, outgoing: Outgoing) -> Outcome:
        """Done: with "reference", the provider's name for it. Failed: invalid_address, rejected, window_closed. TryAgain:
        it certainly took nothing. Unknown: the line broke after it may have taken it."""
        ...


@dataclass(frozen=True)
class Providers:
    """All that this installation has, the preferred first."""

    all: Sequence[Provider]

    def of(self, channel: Channel) -> tuple[Provider, ...]:
        return tuple(provider for provider in self.all if provider.channel is channel)

    def named(self, name: str) -> Provider:
        """Raises KeyError for one that this installation does not have any more."""
        return self._by_name[name]

    @property
    def _by_name(self) -> Mapping[str, Provider]:
        return {provider.name: provider for provider in self.all}
