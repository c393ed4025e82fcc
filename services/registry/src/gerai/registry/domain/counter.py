"""A counter (gerai): an institution's place in a site."""

from collections.abc import Mapping
from typing import ClassVar

from gerai.contracts.registry import CounterChanged
from gerai.contracts.text import Name, Slug
from gerai.registry.domain.entry import Entry, Facts
from gerai.registry.domain.institution import Institution
from gerai.registry.domain.site import Site
from gerai.registry.domain.words import COUNTER


class CounterFacts(Facts):
    """What a registrar states about a counter."""

    name: Name
    site_id: Slug
    institution_id: Slug


class Counter(CounterFacts, Entry):
    """A counter stays with its site and institution: an idle one is withdrawn and another one registered."""

    collection = "counters"
    section = "counters"
    facts_type = CounterFacts
    changed = CounterChanged
    word = COUNTER
    parents: ClassVar[Mapping[str, type[Entry]]] = {"site_id": Site, "institution_id": Institution}
