"""A party: somebody who may be told things, under an opaque id that says nothing about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.contracts.notification import (
    Category,
    Channel,
    PartyForgotten,
    PartyOptedIn,
    PartyOptedOut,
)
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, Term
from gerai.notification.domain.languages import Language

NOT_TO_BE_REFUSED = frozenset((Category.DECISION,))
"""What the law says must be told (UU 30/2014 art. 61: a decision is made known to the parties)."""
USUAL_ORDER = (Channel.WHATSAPP, Channel.SMS, Channel.EMAIL, Channel.INBOX)
UNPROVEN_FOR = frozenset((Category.TICKET,))
"""A number that nobody has proven to be theirs is used for today's ticket and for nothing else."""


class UnableToChangeParty(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "party_forgotten": LocalizedText(
            "Data orang ini sudah dihapus.", "This person's data have been destroyed."
        ),
        "no_such_contact": LocalizedText(
            "Tidak ada alamat untuk saluran ini.", "There is no address for this channel."
        ),
        "must_be_told": LocalizedText(
            "Pemberitahuan tentang keputusan tidak dapat ditolak.",
            "Messages about decisions cannot be refused.",
        ),
    }


class Contact(BaseModel):
    """One address of a party, without the address: that lies encrypted beside it."""

    model_config = ConfigDict(frozen=True)

    channel: Channel
    masked: str
    proven: bool = False
    """A code that was sent there has come back."""
    unusable_because: str | None = None
    """A code: invalid_address, bounced, blocked."""


class OptOut(BaseModel):
    """A refusal; None stands for all."""

    model_config = ConfigDict(frozen=True)

    category: Category | None = None
    channel: Channel | None = None

    def covers(self, category: Category, channel: Channel) -> bool:
        return self.category in (None, category) and self.channel in (None, channel)


class Party(Aggregate):
    """Whom we may tell things, in which language, by which ways, and what they do not want."""

    collection: ClassVar[str] = "parties"
    word: ClassVar[Term] = Term("party", LocalizedText("penerima", "party"))

    language: Language = Language.ID
    order: tuple[Channel, ...] = USUAL_ORDER
    contacts: tuple[Contact, ...] = ()
    refused: tuple[OptOut, ...] = ()
    forgotten_at: datetime | None = None

    def keep_contact(self, channel: Channel, *, masked: str, proven: bool = False) -> None:
        """A new address, or another one in place of the one before: it must be proven anew."""
        self._require_known()
        kept = Contact(channel=channel, masked=masked, proven=proven)
        self.contacts = (*(one for one in self.contacts if one.channel is not channel), kept)

    def prefer(self, order: Sequence[Channel], *, language: Language) -> None:
        """These first; what is not named follows in the usual order."""
        self._require_known()
        first = tuple(dict.fromkeys(order))
        self.order = (*first, *(channel for channel in USUAL_ORDER if channel not in first))
        self.language = language

    def has_contact(self, channel: Channel) -> bool:
        return any(contact.channel is channel for contact in self.contacts)

    def prove(self, channel: Channel) -> None:
        self._replace(channel, proven=True, unusable_because=None)

    def mark_unusable(self, channel: Channel, *, because: str) -> None:
        """The provider says that nobody can be reached there. A new address ends it."""
        self._replace(channel, unusable_because=because)

    def opt_out(self, *, category: Category | None, channel: Channel | None, at: datetime) -> None:
        """Refusing again changes nothing."""
        self._require_known()
        if category in NOT_TO_BE_REFUSED:
            raise UnableToChangeParty("must_be_told")
        refusal = OptOut(category=category, channel=channel)
        if refusal in self.refused:
            return
        self.refused = (*self.refused, refusal)
        self._record(
            PartyOptedOut(tenant=self.tenant, party_id=self.id, category=category, channel=channel), at=at
        )

    def opt_in(self, *, category: Category | None, channel: Channel | None, at: datetime) -> None:
        """Takes back exactly this refusal; without one nothing changes."""
        self._require_known()
        refusal = OptOut(category=category, channel=channel)
        if refusal not in self.refused:
            return
        self.refused = tuple(one for one in self.refused if one != refusal)
        self._record(
            PartyOptedIn(tenant=self.tenant, party_id=self.id, category=category, channel=channel), at=at
        )

    def forget(self, *, at: datetime) -> None:
        """What remains says nothing of the person. Forgetting again changes nothing."""
        if self.forgotten_at is not None:
            return
        self.contacts, self.refused, self.order = (), (), USUAL_ORDER
        self.forgotten_at = at
        self._record(PartyForgotten(tenant=self.tenant, party_id=self.id), at=at)

    def ways(self, category: Category) -> tuple[Channel, ...]:
        """The channels that reach them with messages of this category, the best first. The inbox needs no address."""
        if self.forgotten_at is not None:
            return ()
        return tuple(channel for channel in self.order if self._is_open(channel, category))

    def wants(self, category: Category) -> bool:
        """False: they refuse this category on every channel."""
        return any(self._allows(channel, category) for channel in Channel)

    def _is_open(self, channel: Channel, category: Category) -> bool:
        if not self._allows(channel, category):
            return False
        if channel is Channel.INBOX:
            return True
        contact = next((one for one in self.contacts if one.channel is channel), None)
        return (
            contact is not None
            and contact.unusable_because is None
            and (contact.proven or category in UNPROVEN_FOR)
        )

    def _allows(self, channel: Channel, category: Category) -> bool:
        """What must be told can be kept off a channel, but not off all: the inbox takes it always."""
        if category in NOT_TO_BE_REFUSED:
            return channel is Channel.INBOX or all(one.channel is not channel for one in self.refused)
        return not any(one.covers(category, channel) for one in self.refused)

    def _replace(self, channel: Channel, **changes: object) -> None:
        self._require_known()
        if not self.has_contact(channel):
            raise UnableToChangeParty("no_such_contact")
        self.contacts = tuple(
            one.model_copy(update=changes) if one.channel is channel else one for one in self.contacts
        )

    def _require_known(self) -> None:
        if self.forgotten_at is not None:
            raise UnableToChangeParty("party_forgotten")
