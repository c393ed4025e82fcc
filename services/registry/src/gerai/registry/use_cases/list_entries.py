"""List the entries of a regency, a page at a time, in the order of their ids."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from gerai.messaging.selection import Selection
from gerai.messaging.storage import Storage
from gerai.registry.domain.entry import Entry

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[E]):
    entries: list[E]
    next_after: str | None
    """The id to go on after; None on the last page."""


async def list_entries(
    kind: type[E],
    *,
    tenant: str,
    where: Mapping[str, str | bool],
    after: str,
    limit: int,
    storage: Storage,
) -> Page[E]:
    """Entries registered meanwhile may appear on a later page; none is shown twice."""
    conditions = {**where, "id": {"$gt": after}}
    one_more = Selection(kind=kind, where=conditions, limit=limit + 1, tenant=tenant)
    [found] = await storage.select([one_more])
    shown = found[:limit]
    return Page(entries=shown, next_after=shown[-1].id if len(found) > limit else None)
