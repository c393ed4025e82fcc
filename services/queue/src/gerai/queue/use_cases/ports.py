"""What use cases need from outside, beside the unit of work."""

from typing import Protocol

from gerai.queue.domain.offering import Offering, Post
from gerai.queue.domain.rules import Rules


class Catalogue(Protocol):
    """The queue's own replica of the register; answering needs no call to anybody."""

    def offering(self, service_id: str, tenant: str | None) -> Offering:
        """Raises UnableToFind; another regency's is not found either. None: any regency (the system itself)."""
        ...

    def post(self, desk_id: str, tenant: str | None) -> Post:
        """Raises UnableToFind."""
        ...

    def offerings_of_site(self, site_id: str, tenant: str | None) -> list[Offering]:
        """Raises UnableToFind for an unknown site."""
        ...

    def services_of_desk(self, post: Post) -> tuple[str, ...]:
        """The active services that a desk serves, sorted."""
        ...

    def rules(self, site_id: str) -> Rules:
        """The site's rules as last seen; the defaults where none were set."""
        ...
