"""A copy of what another service owns: the newest state of each entity, as its events said it.

Records come at least once and, across replays, in any order: the version decides. It must not be able to shut the
owner out: a version that nobody can have reached is refused, and so is a change of regency. Both become dead letters,
and an operator's override (`replay --override`) takes the place of whatever got in.
"""

from typing import ClassVar

from gerai.contracts.event import Event
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal

LONGEST_JUMP = 10_000
"""Versions that one consumer may have missed of one entity. A compacted topic keeps the newest record of a key alone,
so versions do jump; an entity that people edit does not change ten thousand times while its reader is away."""
HIGHEST_FIRST = 1_000_000
"""The version of an entity that was never seen. Every minute a change, for two years."""


class UnableToBelieve(Refusal):
    """What a record says of an entity cannot be so."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "tenant_changed": LocalizedText(
            "Data {id} milik kabupaten lain.", "The entity {id} belongs to another regency."
        ),
        "implausible_sequence": LocalizedText(
            "Versi {sequence} dari data {id} tidak masuk akal; yang dikenal versi {known}.",
            "Version {sequence} of the entity {id} is not plausible; version {known} is known.",
        ),
    }


class Replica(Aggregate):
    """One entity of another service; `body` is the newest event, as JSON."""

    type: str = ""
    sequence: int = 0
    """The owner's version; 0: nothing is known yet."""
    body: str = ""

    def learn(self, event: Event, *, tenant: str, sequence: int, overrides: bool = False) -> bool:
        """Take a newer state; one that comes late or twice changes nothing. True if it was news.

        `tenant`: the regency that the event names. `overrides`: take it whatever is known. Raises UnableToBelieve.
        """
        if not overrides:
            if tenant != self.tenant:
                raise UnableToBelieve("tenant_changed", id=self.id)
            if sequence <= self.sequence:
                return False
            if sequence - self.sequence > (LONGEST_JUMP if self.sequence else HIGHEST_FIRST):
                raise UnableToBelieve(
                    "implausible_sequence", id=self.id, sequence=sequence, known=self.sequence
                )
        self.tenant, self.type, self.sequence = tenant, event.type, sequence
        self.body = event.model_dump_json()
        return True
