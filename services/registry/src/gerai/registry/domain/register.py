"""The register of one regency as a whole: what no single entry can see."""

from gerai.messaging.aggregate import Aggregate
from gerai.registry.domain.entry import UnableToRegister


class Register(Aggregate):
    """One per regency, under the tenant's name. Every change of an entry changes it, too.

    So two changes that each fit alone but not together (one withdraws a counter, the other adds a service
    to it; two want the same prefix) meet at its version: the later one is run again and sees the earlier.
    A command must therefore load it before it reads any entry. Registrars are few; this costs nothing.
    """

    collection = "registers"

    changes: int = 0
    prefixes: tuple[tuple[str, str, str], ...] = ()
    """(site id, prefix, service id): two services of a site must never call out the same number."""

    def note_change(self) -> None:
        self.changes += 1

    def release_prefixes(self, service_ids: set[str]) -> None:
        self.prefixes = tuple(given for given in self.prefixes if given[2] not in service_ids)

    def give_prefix(self, prefix: str, *, site_id: str, service_id: str) -> None:
        """Raises UnableToRegister when another service of the site has it."""
        for site, taken, holder in self.prefixes:
            if (site, taken) == (site_id, prefix) and holder != service_id:
                raise UnableToRegister("prefix_taken", field="prefix", prefix=prefix, id=holder)
        self.prefixes = tuple(sorted({*self.prefixes, (site_id, prefix, service_id)}))
