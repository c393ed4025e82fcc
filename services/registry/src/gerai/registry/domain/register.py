"""The register of one regency as a whole: what no single entry can see."""

from collections.abc import Iterable

from gerai.messaging.aggregate import Aggregate
from gerai.registry.domain.entry import UnableToRegister

MOST_ENTRIES = 50_000
"""Of one regency, withdrawn ones too. Many times the largest known; whoever keeps a replica keeps everybody's."""

Claim = tuple[str, str, str]
"""A service that wants a prefix at a site: (site id, prefix, service id)."""


class Register(Aggregate):
    """One per regency, under the tenant's name. Every change of an entry changes it, too.

    So two changes that each fit alone but not together (one withdraws a counter, the other adds a service
    to it; two want the same prefix) meet at its version: the later one is run again and sees the earlier.
    A command must therefore load it before it reads any entry. Registrars are few; this costs nothing.
    """

    collection = "registers"

    changes: int = 0
    entries: int = 0
    prefixes: tuple[tuple[str, str, str], ...] = ()
    """(site id, prefix, service id): two services of a site must never call out the same number."""

    def note_change(self) -> None:
        self.changes += 1

    def note_new_entry(self) -> None:
        """Raises UnableToRegister where the register is full."""
        if self.entries >= MOST_ENTRIES:
            raise UnableToRegister("register_full", most=MOST_ENTRIES)
        self.entries += 1

    def release_prefixes(self, service_ids: set[str]) -> None:
        self.prefixes = tuple(given for given in self.prefixes if given[2] not in service_ids)

    def give_prefixes(self, claims: Iterable[Claim]) -> list[UnableToRegister | None]:
        """For each claim, in turn: None where it is met, else why not: another service of the site has the prefix."""
        holders = {(site_id, prefix): holder for site_id, prefix, holder in self.prefixes}
        answers: list[UnableToRegister | None] = []
        for site_id, prefix, service_id in claims:
            holder = holders.setdefault((site_id, prefix), service_id)
            taken = holder != service_id
            answers.append(
                UnableToRegister("prefix_taken", field="prefix", prefix=prefix, id=holder) if taken else None
            )
        self.prefixes = tuple(sorted((*place, holder) for place, holder in holders.items()))
        return answers
