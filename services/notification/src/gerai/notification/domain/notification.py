"""A notification: one thing that one person is told, through as many attempts as it takes, and not twice.

A delivery is one attempt through one channel and provider. Sending itself is a job; what the job learned comes back as
`was_accepted`, `has_failed` or `became_unknown`, and what the provider says later as a receipt. Receipts come in any order,
twice, or before our own "accepted".
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from gerai.contracts.notification import (
    Category,
    Channel,
    DeliveryFailed,
    DeliverySucceeded,
    DeliverySuppressed,
    NotificationQueued,
)
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, Term
from gerai.notification.domain.languages import Language
from gerai.notification.domain.rule import Urgency

MAY_BE_DOUBLED = frozenset((Category.TICKET, Category.DUTY))
"""Where nobody knows whether a message went out: a call may come twice, a bill may not."""
MOST_ATTEMPTS = 8


class State(StrEnum):
    """Of a notification, and of each of its deliveries."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    """The provider has it; whether it arrived is not known yet."""
    DELIVERED = "delivered"
    RETRYING = "retrying"
    """The last attempt failed; the next way is tried."""
    UNKNOWN = "unknown"
    """Nobody knows whether the provider has it, and it must not be told twice: a receipt or an operator decides."""
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    EXPIRED = "expired"


ENDED = frozenset((State.DELIVERED, State.FAILED, State.SUPPRESSED, State.EXPIRED))
WAITING = frozenset((State.QUEUED, State.RETRYING))


class UnableToChangeNotification(Refusal):
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "already_under_way": LocalizedText(
            "Pemberitahuan ini sedang atau sudah dikirim.", "This notification is being sent or was sent."
        ),
        "lost_its_sense": LocalizedText(
            "Pemberitahuan ini sudah tidak berguna lagi.", "This notification has lost its sense."
        ),
    }


class Delivery(BaseModel):
    """One attempt."""

    model_config = ConfigDict(frozen=True)

    attempt: int
    channel: Channel
    provider: str
    state: State = State.SENDING
    began_at: datetime
    ended_at: datetime | None = None
    reason: str | None = None
    reference: str | None = None
    """The provider's name for it."""


@dataclass(frozen=True)
class Wait:
    """Nothing is to be done before this instant."""

    until: datetime


@dataclass(frozen=True, kw_only=True)
class Ways:
    """How somebody can be reached at present."""

    channels: Sequence[Channel]
    """The best first; empty: by none."""
    wanted: bool
    """False: they refuse messages like this."""
    providers: Mapping[Channel, Sequence[str]]
    """Of each channel, those that work at present, the best first."""
    quiet_until: datetime | None = None
    """The end of the quiet hours, if there are some now."""


def notification_id(*, event_id: UUID, rule_id: str, party_id: str) -> str:
    """The same for the same meaning, so that a person is told once however often the event comes. The rule's version is
    no part of it: importing rules anew must not tell anybody again."""
    return hashlib.sha256(f"{event_id}\n{rule_id}\n{party_id}".encode()).hexdigest()[:32]


class Notification(Aggregate):
    """See the module."""

    collection: ClassVar[str] = "notifications"
    word: ClassVar[Term] = Term("notification", LocalizedText("pemberitahuan", "notification"))
    followed: ClassVar[bool] = True

    party_id: str
    rule_id: str
    rule_version: int
    template_id: str
    template_version: int
    language: Language
    zone: str
    """Where the person is told: IANA name, for the quiet hours."""
    values: Mapping[str, str]
    category: Category
    urgency: Urgency
    about: str
    group: str | None = None
    """Messages of one group replace each other while they wait."""
    cause_id: str
    created_at: datetime
    expires_at: datetime
    state: State = State.QUEUED
    reason: str | None = None
    deliveries: tuple[Delivery, ...] = ()
    first_attempt: int = 1
    """Of the present round: an operator who sends it again opens all ways anew."""

    def queue(self, *, at: datetime) -> None:
        """It was just made."""
        self._record(
            NotificationQueued(
                **self._who(),
                cause_id=self.cause_id,
                template_id=self.template_id,
                template_version=self.template_version,
                expires_at=self.expires_at,
            ),
            at=at,
        )

    def take_next_way(self, ways: Ways, *, at: datetime) -> Delivery | Wait | None:
        """A new attempt that is to be sent now; or until when to wait; or None: there is nothing to do.

        It ends here, with its reason, when it has lost its sense, is not wanted, or no way is left.
        """
        if self.state not in WAITING:
            return None
        quiet_until = ways.quiet_until if self.urgency is not Urgency.NOW else None
        if max(at, quiet_until or at) >= self.expires_at:
            self._suppress(State.EXPIRED, "expired", at=at)
            return None
        if not ways.wanted:
            self._suppress(State.SUPPRESSED, "opted_out", at=at)
            return None
        if quiet_until is not None:
            return Wait(quiet_until)
        way = self._untried(ways)
        if way is None:
            self._give_up(at=at)
            return None
        delivery = Delivery(attempt=len(self.deliveries) + 1, channel=way[0], provider=way[1], began_at=at)
        self.deliveries = (*self.deliveries, delivery)
        self.state = State.SENDING
        return delivery

    def may_still_be_sent(self, attempt: int, ways: Ways, *, at: datetime) -> bool:
        """Asked in the moment of sending: a refusal, a cancellation or the expiry may have come since the attempt began.
        False: the attempt has ended."""
        delivery = self._delivery(attempt)
        if delivery is None or delivery.state is not State.SENDING or self.state is not State.SENDING:
            return False
        if at >= self.expires_at:
            self._end(delivery, State.EXPIRED, "expired", at=at)
            self._suppress(State.EXPIRED, "expired", at=at)
            return False
        if not ways.wanted or delivery.channel not in ways.channels:
            self._end(delivery, State.SUPPRESSED, "opted_out", at=at)
            self.state = State.RETRYING
            return False
        return True

    def was_accepted(self, attempt: int, *, reference: str | None, at: datetime) -> None:
        """The provider has it. A receipt may have been faster. What stands in the inbox has arrived."""
        delivery = self._delivery(attempt)
        if delivery is None:
            return
        if delivery.channel is Channel.INBOX:
            self.has_arrived(attempt, at=at)
        elif delivery.state in (State.SENDING, State.UNKNOWN):
            self._replace(delivery, state=State.SENT, reference=reference)
            if self.state in (State.SENDING, State.UNKNOWN):
                self.state = State.SENT

    def has_arrived(self, attempt: int, *, at: datetime) -> None:
        """The provider says so. It stands, whatever was said before or is said later."""
        delivery = self._delivery(attempt)
        if delivery is None or delivery.state is State.DELIVERED:
            return
        self._end(delivery, State.DELIVERED, None, at=at)
        self.state, self.reason = State.DELIVERED, None
        self._record(
            DeliverySucceeded(
                **self._who(),
                channel=delivery.channel,
                provider=delivery.provider,
                attempt=attempt,
                seconds=(at - self.created_at).total_seconds(),
            ),
            at=at,
        )

    def has_failed(self, attempt: int, *, reason: str, ways: Ways, at: datetime) -> None:
        """It did not go out, or the provider says that it did not arrive, or no receipt came in time (`no_receipt`).
        Another way is tried where one is left."""
        delivery = self._delivery(attempt)
        if delivery is None or delivery.state in ENDED:
            return
        self._end(delivery, State.FAILED, reason, at=at)
        if self.state not in ENDED:
            is_last = self._untried(ways) is None
            self.state, self.reason = (State.FAILED if is_last else State.RETRYING), reason
            self._tell_failure(delivery, reason, is_last=is_last, at=at)

    def became_unknown(self, attempt: int, *, ways: Ways, at: datetime) -> None:
        """The line broke after it may have been sent. What must not be told twice waits for a receipt or an operator."""
        delivery = self._delivery(attempt)
        if delivery is None or delivery.state is not State.SENDING:
            return
        if self.category in MAY_BE_DOUBLED:
            self.has_failed(attempt, reason="unknown", ways=ways, at=at)
            return
        self._replace(delivery, state=State.UNKNOWN, reason="unknown")
        self.state, self.reason = State.UNKNOWN, "unknown"
        self._tell_failure(delivery, "unknown", is_last=False, at=at)

    def cancel(self, *, reason: str, at: datetime) -> None:
        """`reason`: cancelled (an operator), superseded, forgotten, replay. Raises UnableToChangeNotification where it is
        under way or has ended."""
        if self.state not in WAITING:
            raise UnableToChangeNotification("already_under_way")
        self._suppress(State.SUPPRESSED, reason, at=at)

    def send_again(self, *, at: datetime) -> None:
        """An operator's decision, also where nobody knows whether it was sent. All ways are open again."""
        if self.state in (State.SENDING, *WAITING):
            raise UnableToChangeNotification("already_under_way")
        if at >= self.expires_at:
            raise UnableToChangeNotification("lost_its_sense")
        self.deliveries = tuple(
            one if one.state in ENDED else one.model_copy(update={"state": State.FAILED, "ended_at": at})
            for one in self.deliveries
        )
        self.first_attempt = len(self.deliveries) + 1
        self.state, self.reason = State.QUEUED, None

    @property
    def _round(self) -> Sequence[Delivery]:
        return self.deliveries[self.first_attempt - 1 :]

    def _give_up(self, *, at: datetime) -> None:
        last = self._round[-1] if self._round else None
        if last is None:
            self._suppress(State.SUPPRESSED, "no_address", at=at)
        elif last.state is State.SUPPRESSED:
            self._suppress(State.SUPPRESSED, last.reason or "opted_out", at=at)
        else:
            self.state, self.reason = State.FAILED, last.reason
            self._tell_failure(last, last.reason or "unknown", is_last=True, at=at)

    def _untried(self, ways: Ways) -> tuple[Channel, str] | None:
        if len(self._round) >= MOST_ATTEMPTS:
            return None
        tried = {(one.channel, one.provider) for one in self._round}
        return next(
            (
                (channel, provider)
                for channel in ways.channels
                for provider in ways.providers.get(channel, ())
                if (channel, provider) not in tried
            ),
            None,
        )

    def _suppress(self, state: State, reason: str, *, at: datetime) -> None:
        self.state, self.reason = state, reason
        self._record(DeliverySuppressed(**self._who(), reason=reason), at=at)

    def _tell_failure(self, delivery: Delivery, reason: str, *, is_last: bool, at: datetime) -> None:
        self._record(
            DeliveryFailed(
                **self._who(),
                channel=delivery.channel,
                provider=delivery.provider,
                attempt=delivery.attempt,
                reason=reason,
                is_last=is_last,
            ),
            at=at,
        )

    def _delivery(self, attempt: int) -> Delivery | None:
        return self.deliveries[attempt - 1] if 0 < attempt <= len(self.deliveries) else None

    def _end(self, delivery: Delivery, state: State, reason: str | None, *, at: datetime) -> None:
        self._replace(delivery, state=state, reason=reason, ended_at=at)

    def _replace(self, delivery: Delivery, **changes: object) -> None:
        self.deliveries = tuple(
            one.model_copy(update=changes) if one.attempt == delivery.attempt else one
            for one in self.deliveries
        )

    def _who(self) -> dict[str, str]:
        return {
            "tenant": self.tenant,
            "notification_id": self.id,
            "party_id": self.party_id,
            "rule_id": self.rule_id,
            "category": self.category,
            "about": self.about,
        }
