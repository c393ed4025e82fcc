"""A desk (loket): where one officer serves one visitor."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from gerai.contracts.registry import DeskChanged
from gerai.contracts.text import Name, Slug
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.service import Service
from gerai.registry.domain.words import DESK


class DeskFacts(Facts):
    """What a registrar states about a desk."""

    name: Name
    """As it is called out: "Loket 3"."""
    counter_id: Slug
    service_ids: Annotated[tuple[Slug, ...], Field(max_length=50)] = ()
    """The services that the desk serves, all of its own counter."""


class Desk(DeskFacts, Entry):
    collection = "desks"
    section = "desks"
    facts_type = DeskFacts
    changed = DeskChanged
    word = DESK
    parents: ClassVar[Mapping[str, type[Entry]]] = {"counter_id": Counter}
    siblings: ClassVar[Mapping[str, type[Entry]]] = {"service_ids": Service}

    site_id: str
    """Of the counter."""
