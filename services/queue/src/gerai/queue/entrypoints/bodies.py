"""The bodies of requests. Unknown fields are refused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from gerai.chassis.text import Id

Reason = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["copy_documents"])]
"""A code from the office's own list; free text could hold personal data."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ReasonBody(Body):
    reason: Reason | None = None


class TransferBody(Body):
    service_id: Id = Field(examples=["dpmptsp-konsultasi"])
    reason: Reason | None = None


class ResumeBody(Body):
    ticket_id: Id


NO_REASON = ReasonBody()
