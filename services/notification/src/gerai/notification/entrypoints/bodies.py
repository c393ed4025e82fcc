"""What requests hold."""

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.notification import Category, Channel
from gerai.contracts.text import Id
from gerai.notification.domain.languages import Language

PARTY_ID = "019b8b8a-11f0-7c3e-8a55-0f2f6f1f0a01"
NOTIFICATION_ID = "5e0c2f0b7a4d41d3a6b8c9d0e1f2a3b4"
PartyId = Annotated[Id, Path(max_length=64, examples=[PARTY_ID])]
NotificationId = Annotated[Id, Path(max_length=64, examples=[NOTIFICATION_ID])]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartyBody(_Body):
    """Somebody new."""

    language: Language = Language.ID


class PreferenceBody(_Body):
    order: tuple[Channel, ...] = Field(max_length=len(Channel))
    """These ways first, in this order; the others follow."""
    language: Language


class RefusalBody(_Body):
    """A refusal, or what is refused no more. Without both: everything that may be refused, on every channel."""

    category: Category | None = None
    channel: Channel | None = None
