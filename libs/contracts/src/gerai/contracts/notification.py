"""What notification says: who was to be told what, and what became of it. Never an address, never a text.

A notification is one thing that one person is told. A delivery is one attempt through one channel; a notification has a
second one where the first failed.
"""

from enum import StrEnum

from pydantic import AwareDatetime

from gerai.contracts import queue, registry
from gerai.contracts.event import Cleanup, Event, Topic

NOTIFICATIONS = Topic(
    name="notification.notifications",
    key="notification id",
    partitions=12,
    retention_days=30,
    cleanup=Cleanup.DELETE,
    owner="notification",
)
PARTIES = Topic(
    name="notification.parties",
    key="party id",
    partitions=3,
    retention_days=30,
    cleanup=Cleanup.DELETE,
    owner="notification",
)

READS = (
    queue.TICKETS,
    registry.SITES,
    registry.INSTITUTIONS,
    registry.COUNTERS,
    registry.DESKS,
    registry.SERVICES,
    registry.CALENDARS,
)


class Channel(StrEnum):
    """The ways to a person."""

    WHATSAPP = "whatsapp"
    SMS = "sms"
    EMAIL = "email"
    INBOX = "inbox"
    """Our own page; it needs no address and no provider."""


class Category(StrEnum):
    """What a message is about. A person may refuse a category; see `notification` for which ones."""

    TICKET = "ticket"
    """A visit of today."""
    APPLICATION = "application"
    """The course of an application."""
    DECISION = "decision"
    """Decisions, deadlines and bills that the law says must be told."""
    DUTY = "duty"
    """To officers: their own tasks."""
    ANNOUNCEMENT = "announcement"
    """To many."""


class NotificationEvent(Event, subject="{notification_id}"):
    """What every event of a notification says."""

    tenant: str
    """The regency."""
    notification_id: str
    """One thing that one person is told, whatever the number of attempts."""
    party_id: str
    """Who is told; opaque."""
    rule_id: str
    """The rule that asked for it."""
    category: Category
    """What it is about."""
    about: str
    """What it is about, as "ticket" or "application" and an id: "ticket:019b8b8f-…"."""


class NotificationQueued(NotificationEvent, type="notification.notification-queued.v1", topic=NOTIFICATIONS):
    """Somebody is to be told something."""

    cause_id: str
    """The id of the event that this is told because of."""
    template_id: str
    """The text, without its placeholders' values."""
    template_version: int
    """The version of the text; a notification stays on it."""
    expires_at: AwareDatetime
    """From this time it has lost its sense, and is not sent any more."""


class DeliverySucceeded(NotificationEvent, type="notification.delivery-succeeded.v1", topic=NOTIFICATIONS):
    """The provider says that it has arrived; for the inbox: it stands there."""

    channel: Channel
    """The way that it took."""
    provider: str
    """Who carried it, by the name in our settings."""
    attempt: int
    """1, 2, 3, … of this notification, over all channels."""
    seconds: float
    """From the notification's beginning to its arrival, of business time."""


class DeliveryFailed(NotificationEvent, type="notification.delivery-failed.v1", topic=NOTIFICATIONS):
    """An attempt did not arrive, or nobody knows whether it did."""

    channel: Channel
    """The way that was tried."""
    provider: str
    """Who was to carry it."""
    attempt: int
    """1, 2, 3, … of this notification, over all channels."""
    reason: str
    """A code: invalid_address, rejected, provider_down, rate_limited, window_closed, no_receipt, too_long, unknown. The
    list may grow."""
    is_last: bool
    """True: no other way is left, and the person was not told."""


class DeliverySuppressed(NotificationEvent, type="notification.delivery-suppressed.v1", topic=NOTIFICATIONS):
    """It is not sent: the person does not want it, cannot be reached, or it has lost its sense."""

    reason: str
    """A code: opted_out, no_address, expired, superseded, cancelled, forgotten, replay. The list may grow."""


class PartyEvent(Event, subject="{party_id}"):
    """What every event of a party says."""

    tenant: str
    """The regency."""
    party_id: str
    """The person; opaque."""


class PartyOptedOut(PartyEvent, type="notification.party-opted-out.v1", topic=PARTIES):
    """A person refuses messages of a category through a channel."""

    category: Category | None
    """None: all that may be refused."""
    channel: Channel | None
    """None: every channel."""


class PartyOptedIn(PartyEvent, type="notification.party-opted-in.v1", topic=PARTIES):
    """A person takes a refusal back."""

    category: Category | None
    """None: all that may be refused."""
    channel: Channel | None
    """None: every channel."""


class PartyForgotten(PartyEvent, type="notification.party-forgotten.v1", topic=PARTIES):
    """The person's data are destroyed. Whoever holds something under this party id deletes it."""
