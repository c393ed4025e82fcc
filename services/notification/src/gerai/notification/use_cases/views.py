"""What callers are shown."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from gerai.contracts.notification import Category, Channel
from gerai.notification.domain.inbox_item import InboxItem
from gerai.notification.domain.languages import Language
from gerai.notification.domain.notification import Delivery, Notification, State
from gerai.notification.domain.party import OptOut, Party


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ContactView(_View):
    channel: Channel
    masked: str
    proven: bool
    unusable_because: str | None


class PartyView(_View):
    """Somebody who may be told things. Addresses are masked."""

    id: str
    language: Language
    order: tuple[Channel, ...]
    contacts: tuple[ContactView, ...]
    refused: tuple[OptOut, ...]
    forgotten: bool

    @classmethod
    def of(cls, party: Party) -> "PartyView":
        return cls(
            id=party.id,
            language=party.language,
            order=party.order,
            contacts=tuple(ContactView.model_validate(contact.model_dump()) for contact in party.contacts),
            refused=party.refused,
            forgotten=party.forgotten_at is not None,
        )


class NotificationView(_View):
    """One thing that one person was to be told, with every attempt."""

    id: str
    party_id: str
    about: str
    rule_id: str
    template_id: str
    template_version: int
    category: Category
    state: State
    reason: str | None
    created_at: datetime
    expires_at: datetime
    deliveries: tuple[Delivery, ...]

    @classmethod
    def of(cls, notification: Notification) -> "NotificationView":
        return cls.model_validate(notification.model_dump(include=set(cls.model_fields)))


class InboxItemView(_View):
    id: str
    title: str
    text: str
    at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, item: InboxItem) -> "InboxItemView":
        return cls.model_validate(item.model_dump(include=set(cls.model_fields)))
