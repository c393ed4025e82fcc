"""A desk (loket): where one officer serves one visitor."""

from typing import Annotated

from pydantic import Field

from gerai.contracts.registry import DeskChanged
from gerai.contracts.text import Name, Slug
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.words import COUNTER, DESK


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
    fixed = (("counter_id", COUNTER),)

    site_id: str
    """Of the counter."""
