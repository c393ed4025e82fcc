"""Who asks, and what caused it: travels from the request into every event."""

from dataclasses import dataclass
from typing import TypeAlias

TenantId: TypeAlias = str


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a command carries besides its own data."""

    tenant: TenantId | None
    """The regency that every read is filtered by; a timer's is that of its row. None for consumers, and for visitors
    who have a link alone: what they select must state its regency."""
    actor: str
    """Who acts, as an opaque id: a token's subject, "timer:end-of-day", "consumer:queue.registry"."""
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
