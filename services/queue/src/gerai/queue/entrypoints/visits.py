"""The visitor's own page data: found by a secret link, without a login."""

import hashlib
from collections.abc import Callable
from typing import Annotated

from fastapi import Header, Path
from starlette.responses import Response

from gerai.chassis import CommandsOf, QueriesOf, Routes, Secret
from gerai.chassis.links import ResponseLink, asked
from gerai.messaging.refusal import UnableToFind
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.ticket_refusals import UnableToCancelTicket, UnableToUseLink
from gerai.queue.entrypoints.bodies import TICKET_ID
from gerai.queue.use_cases.cancel_ticket import cancel_visit, ticket_of_link
from gerai.queue.use_cases.ports import Lines
from gerai.queue.use_cases.show_visit import show_visit
from gerai.queue.use_cases.views import VisitView

Link = Annotated[
    str,
    Path(
        pattern=r"^[A-Za-z0-9._-]{1,80}$",
        description="The secret part of the visitor's page.",
        examples=[f"{TICKET_ID}.q3vTn0yWcE2mUu7Xk5bL1w"],
    ),
]
CANCEL_VISIT = ResponseLink(to="cancelVisit", given={"link": asked("link")})
ETAG = {"ETag": {"description": "Of this answer, for If-None-Match.", "schema": {"type": "string"}}}
Seen = Annotated[str | None, Header(alias="If-None-Match", max_length=100)]


def routes(catalogue: Callable[[], Catalogue], lines: Lines) -> Routes:
    """Under /v1/visits."""
    visits = Routes(tag="visits", prefix="/v1/visits")

    @visits.get(
        "/{link}",
        public=True,
        summary="Show the visitor's own place in the line",
        operation_id="showVisit",
        response_model=VisitView,
        refuses=(UnableToUseLink, UnableToFind),
        responses={
            200: {"headers": ETAG},
            304: {"description": "As it was: If-None-Match names what is still so.", "headers": ETAG},
        },
        links={"cancelVisit": CANCEL_VISIT},
    )
    async def look(link: Link, queries: QueriesOf, seen: Seen = None) -> Response:
        """Ask again with If-None-Match: an unchanged place is answered with 304."""
        ticket = await ticket_of_link(link, queries.uow)
        view = await show_visit(ticket, lines=lines, at=queries.now(), catalogue=catalogue())
        body = view.model_dump_json().encode()
        etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        if seen is not None and _names(seen, etag):
            return Response(status_code=304, headers={"ETag": etag})
        return Response(body, media_type="application/json", headers={"ETag": etag})

    @visits.post(
        "/{link}/cancel",
        public=Secret("link"),
        summary="Give the place up, as the visitor",
        operation_id="cancelVisit",
        response_model=VisitView,
        refuses=(UnableToUseLink, UnableToCancelTicket),
    )
    async def cancel(link: Link, commands: CommandsOf) -> Response:
        return await commands.run(cancel_visit, link, catalogue=catalogue())

    return visits


def _names(seen: str, etag: str) -> bool:
    """If-None-Match as RFC 9110 reads it: one of several, strong or weak, or any."""
    return seen.strip() == "*" or etag in (one.strip().removeprefix("W/") for one in seen.split(","))
