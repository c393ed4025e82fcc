"""A copy of what another service owns: the newest state of each entity, as its events said it.

Records come at least once and, across replays, in any order: the version decides. It must not be able to shut the
owner out: a version that nobody can have reached is refused, and so is a change of regency. An owner that was restored
from a backup counts from an older version again: what it says then is refused too, so that somebody hears of it. All
three become dead letters, and an operator's override (`replay --override`) takes the place of whatever got in.
"""

from typing import ClassVar
from uuid import UUID

from gerai.contracts.event import Event
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal

LONGEST_JUMP = 10_000
"""Versions that one consumer may have missed of one entity. A compacted topic keeps the newest record of a key alone,
so versions do jump; an entity that people edit does not change ten thousand times while its reader is away."""
HIGHEST_FIRST = 1_000_000
"""The version of an entity that was never seen. Every minute a change, for two years."""
CLOCKS_DIFFER_MS = 10 * 60 * 1000
"""By less than this the clocks of an owner's processes differ: of two changes, one process may date the second before
the first."""


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
        "out_of_sequence": LocalizedText(
            "Versi {sequence} dari data {id} dibuat setelah versi {known} yang sudah dikenal.",
            "Version {sequence} of the entity {id} was made after version {known}, which is known already.",
        ),
    }


class Replica(Aggregate):
    """One entity of another service; `body` is the newest event, as JSON."""

    type: str = ""
    sequence: int = 0
    """The owner's version; 0: nothing is known yet."""
    event_id: str = ""
    """Of the newest event; empty in copies that are older than this field."""
    body: str = ""

    def learn(
        self, event: Event, *, tenant: str, sequence: int, event_id: UUID, overrides: bool = False
    ) -> bool:
        """Take a newer state; one that comes late or twice changes nothing. True if it was news.

        `tenant`: the regency that the event names. `overrides`: take it whatever is known. Raises UnableToBelieve.
        """
        if not overrides:
            if tenant != self.tenant:
                raise UnableToBelieve("tenant_changed", id=self.id)
            if sequence <= self.sequence:
                self._require_older(event_id, sequence)
                return False
            if sequence - self.sequence > (LONGEST_JUMP if self.sequence else HIGHEST_FIRST):
                raise UnableToBelieve(
                    "implausible_sequence", id=self.id, sequence=sequence, known=self.sequence
                )
        self.tenant, self.type, self.sequence = tenant, event.type, sequence
        self.event_id, self.body = str(event_id), event.model_dump_json()
        return True

    def _require_older(self, event_id: UUID, sequence: int) -> None:
        """A redelivered event was made before the newest one, or is that one. One that was made after it under an older
        version comes from an owner that has lost versions."""
        made, known = _made_at_ms(event_id), _made_at_ms(UUID(self.event_id)) if self.event_id else None
        if made is None or known is None:
            return
        if made - known > (0 if sequence == self.sequence else CLOCKS_DIFFER_MS):
            raise UnableToBelieve("out_of_sequence", id=self.id, sequence=sequence, known=self.sequence)


def _made_at_ms(event_id: UUID) -> int | None:
    """The real time in an id of version 7 (RFC 9562, 5.7). An event's own time is business time, which may be set."""
    return event_id.int >> 80 if event_id.version == 7 else None
