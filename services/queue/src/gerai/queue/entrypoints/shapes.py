"""The bodies of requests. Unknown fields are refused."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gerai.chassis.text import Id

PriorityReason = Literal[
    "elderly", "disability", "pregnant", "breast_feeding", "small_child", "disaster_victim"
]
"""UU 25/2009 art. 29."""
ReasonCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$", examples=["copy_documents"])]
"""A code from the office's own list; free text could hold personal data."""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IssueTicketBody(Body):
    service_id: Id = Field(examples=["dpmptsp-nib"])
    priority_reason: PriorityReason | None = Field(
        default=None, description="Gives the priority class; it is kept here and told to nobody."
    )
    party_id: Id | None = Field(
        default=None, description="Who is to be told, as the notification service knows them; opaque."
    )


class ReasonBody(Body):
    reason: ReasonCode | None = None


class TransferBody(Body):
    service_id: Id
    reason: ReasonCode | None = None


class ResumeBody(Body):
    ticket_id: Id
