"""What an installation decides for notification."""

from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from gerai.chassis import Settings


class NotificationSettings(Settings):
    mongodb_database: str = "notification"
    own_address: str = Field(default="http://127.0.0.1:8105/", pattern=r"^https?://[^\s]+/$")
    """Of the pages that messages link to, with a slash at its end."""
    zone: str = "Asia/Makassar"
    """Where an event names no site: whose night it is."""
    receipt_within_seconds: int = Field(default=300, ge=10, le=86_400)
    """Without a receipt in this time another way is tried."""
    keep_notifications_days: int = Field(default=400, ge=1, le=3_650)
    keep_inbox_items_days: int = Field(default=400, ge=1, le=3_650)
    keep_stakes_days: int = Field(default=400, ge=1, le=3_650)
    """Who stands behind a ticket: as long as the queue keeps its longest ticket."""

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        ZoneInfo(name)
        return name
