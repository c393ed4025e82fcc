"""The bodies of requests. Unknown fields are refused."""

from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.text import Id, Slug
from gerai.queue.domain.reason_code import ReasonCode
from gerai.queue.domain.rules import DisplayZone, Rules

TICKET_ID = "0193a5c2-7b1e-7c44-9f0d-2a6b8e4c1d35"
"""An example of what a kiosk's answer says under `id`."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReasonBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "copy_documents"}]})

    reason: ReasonCode | None = None


class TransferBody(Body):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"service_id": "dpmptsp-konsultasi", "reason": "wrong_counter"}]}
    )

    service_id: Id
    reason: ReasonCode | None = None


class ResumeBody(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"ticket_id": TICKET_ID}]})

    ticket_id: Id


class ZoneBody(DisplayZone):
    counter_ids: tuple[Slug, ...] = Field(max_length=200)


class RulesBody(Rules):
    """Stricter than what is kept: what was kept once must stay readable."""

    zones: tuple[ZoneBody, ...] = Field(default=(), max_length=20)

    def rules(self) -> Rules:
        return Rules.model_validate(self.model_dump())


NO_REASON = ReasonBody()
