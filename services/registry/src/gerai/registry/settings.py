"""What deploys the registry tells it, beside what every service is told."""

from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from gerai.chassis.settings import Settings
from gerai.registry.domain.institution import WarningRule


class RegistrySettings(Settings):
    """Environment variables `GERAI_…`."""

    mongodb_database: str = "registry"
    agreement_warning_days: int = Field(default=30, ge=1, le=365)
    """How long before its last day the end of a cooperation agreement is announced."""
    agreement_zone: str = "Asia/Makassar"
    """Where the office day starts on which it is announced; an institution has no zone of its own."""

    @field_validator("agreement_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"{zone} is not a time zone of the IANA list")
        return zone

    @property
    def warning_rule(self) -> WarningRule:
        return WarningRule(days_before=self.agreement_warning_days, zone=ZoneInfo(self.agreement_zone))
