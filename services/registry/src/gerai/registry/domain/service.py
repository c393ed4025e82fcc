"""A service (layanan) of a counter, with its published service standard."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from gerai.contracts.registry import ServiceChanged
from gerai.contracts.text import Name, Prose, Slug
from gerai.registry.domain.counter import Counter
from gerai.registry.domain.entry import Entry, Facts, Stated
from gerai.registry.domain.words import SERVICE

Prefix = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,3}$")]
"""Starts every ticket number of the service: "AB" in "AB-012"."""


class ServiceStandard(Stated):
    """The six components that the law wants published for every service."""

    requirements: Annotated[tuple[Name, ...], Field(min_length=1, max_length=40)]
    procedure: Annotated[Prose, Field(min_length=1)]
    duration: Name
    fee: Name
    product: Name
    complaints: Annotated[Prose, Field(min_length=1)]


class ServiceFacts(Facts):
    """What a registrar states about a service."""

    name: Name
    counter_id: Slug
    prefix: Prefix
    standard: ServiceStandard
    daily_quota: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Tickets per local day; None: as many as come."""
    wait_limit_minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    """Who waits longer is overdue and goes first; None: nobody is overdue."""
    number_range_end: Annotated[int, Field(ge=1, le=9_999)] = 999
    """The last number of a day's range."""


class Service(ServiceFacts, Entry):
    collection = "services"
    section = "services"
    facts_type = ServiceFacts
    changed = ServiceChanged
    word = SERVICE
    parents: ClassVar[Mapping[str, type[Entry]]] = {"counter_id": Counter}

    site_id: str
    """Of the counter."""
    institution_id: str
    """Of the counter."""
