"""Short ways to what the tests of notification are about."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gerai.contracts.notification import Category, Channel
from gerai.notification.domain.languages import Language
from gerai.notification.domain.notification import Notification, Ways
from gerai.notification.domain.party import Party
from gerai.notification.domain.rule import Rule, Urgency
from gerai.notification.domain.template import Template

MORNING = datetime(2026, 11, 30, 0, 30, tzinfo=UTC)
"""Monday 08:30 in Makassar."""
OWN = ("https://gerai.example.go.id/",)
PROVIDERS = {
    Channel.WHATSAPP: ("meta",),
    Channel.SMS: ("gateway-1", "gateway-2"),
    Channel.EMAIL: ("post",),
    Channel.INBOX: ("inbox",),
}
ALL = (Channel.WHATSAPP, Channel.SMS, Channel.EMAIL, Channel.INBOX)


class Names:
    """A register in which everything is called after its id."""

    def site_name(self, id: str) -> str:
        return f"MPP {id}"

    def counter_name(self, id: str) -> str:
        return f"Gerai {id}"

    def service_name(self, id: str) -> str:
        return f"Layanan {id}"

    def desk_name(self, id: str | None) -> str:
        return f"Loket {id}"


def party(**more: Any) -> Party:
    return Party(**{"id": "party-1", "tenant": "muna-barat", **more})


def ways(
    *channels: Channel,
    wanted: bool = True,
    quiet_until: datetime | None = None,
    providers: Mapping[Channel, Sequence[str]] = PROVIDERS,
) -> Ways:
    return Ways(channels=channels, wanted=wanted, providers=providers, quiet_until=quiet_until)


def notification(**more: Any) -> Notification:
    return Notification(
        **{
            "id": "n-1",
            "tenant": "muna-barat",
            "party_id": "party-1",
            "rule_id": "ticket-called",
            "rule_version": 1,
            "template_id": "ticket-called",
            "template_version": 1,
            "language": Language.ID,
            "zone": "Asia/Makassar",
            "values": {"number": "A-012"},
            "category": Category.TICKET,
            "urgency": Urgency.NOW,
            "about": "ticket:t-1",
            "cause_id": "e-1",
            "created_at": MORNING,
            "expires_at": MORNING + timedelta(minutes=10),
            **more,
        }
    )


def template(**more: Any) -> Template:
    wording = {
        "inbox": {"title": "Nomor {{ number }}", "text": "Silakan menuju loket {{ desk }}."},
        "sms": {"text": "Nomor {{ number }}: silakan menuju loket {{ desk }}."},
    }
    return Template.model_validate(
        {
            "id": "ticket-called",
            "version": 1,
            "placeholders": ["number", "desk"],
            "wordings": {"id": wording, "en": wording},
            **more,
        }
    )


def rule(**more: Any) -> Rule:
    return Rule.model_validate(
        {
            "id": "ticket-called",
            "version": 1,
            "event": "queue.ticket-called.v1",
            "audience": "visitor",
            "template": "ticket-called",
            "category": "ticket",
            "urgency": "now",
            "expires_after_seconds": 600,
            "values": {"number": {"field": "number"}, "desk": {"field": "desk_id", "form": "desk"}},
            **more,
        }
    )
