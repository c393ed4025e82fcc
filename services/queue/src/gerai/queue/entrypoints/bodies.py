"""The bodies of requests. Unknown fields are refused."""

from pydantic import BaseModel, ConfigDict

from gerai.contracts.text import Id
from gerai.queue.domain.reason_code import ReasonCode

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


NO_REASON = ReasonBody()
