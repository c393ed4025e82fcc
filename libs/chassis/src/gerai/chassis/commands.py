"""How a request becomes one call of one use case: once, durable, and answered the same when repeated."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel
from starlette.responses import Response

from gerai.chassis.auth import Caller
from gerai.chassis.house import House
from gerai.chassis.problems import Problem
from gerai.messaging.context import Context
from gerai.messaging.group_commit import NOTHING, Needs
from gerai.messaging.storage import Once, OnceKind, StoredAnswer
from gerai.messaging.unit_of_work import Gathering, UnitOfWork

KEY = re.compile(r"^[A-Za-z0-9._:-]{8,128}$")
ETAG = re.compile(r'^"(\d{1,12})"$')

UseCase = Callable[[UnitOfWork], Awaitable[BaseModel]]
"""A use case with its data already bound; it gets the unit of work and returns what to answer."""


class Commands:
    """A request's way to change something."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._house: House = request.app.state.house
        self.caller: Caller | None = request.scope.get("gerai.caller")

    @property
    def context(self) -> Context:
        scope = self._request.scope
        return Context(
            tenant=self.caller.tenant if self.caller else None,
            actor=self.caller.subject if self.caller else "visitor",
            correlation_id=scope["gerai.correlation_id"],
            traceparent=scope["gerai.traceparent"],
        )

    async def run(self, use_case: UseCase, *, status: int = 200, needs: Needs = NOTHING) -> Response:
        """Run a use case; the answer is durable when this returns. A view with a `version` gets an ETag.

        The use case may run more than once before its changes are written: it must change nothing but
        aggregates. Refusals pass through and become problem+json.
        """

        async def command(uow: UnitOfWork) -> StoredAnswer:
            view = await use_case(uow)
            headers = {"status": str(status)}
            if (version := getattr(view, "version", None)) is not None:
                headers["etag"] = f'"{version}"'
            return StoredAnswer(body=view.model_dump_json().encode(), headers=headers)

        once = await self._once()
        answer = await self._house.commit.execute(command, context=self.context, once=once, needs=needs)
        assert answer is not None
        return _response(answer)

    async def _once(self) -> Once | None:
        request = self._request
        key = request.headers.get("idempotency-key")
        if key is None:
            if request.method == "POST":
                raise Problem(400, "idempotency_key_required", field="Idempotency-Key")
            return None
        if not KEY.match(key):
            raise Problem(400, "idempotency_key_required", field="Idempotency-Key")
        asked = hashlib.sha256(f"{request.method} {request.url.path}\n".encode())
        asked.update(await request.body())
        owner = f"{self.caller.tenant}:{self.caller.subject}" if self.caller else "public"
        return Once(kind=OnceKind.IDEMPOTENCY, key=f"{owner}:{key}", fingerprint=asked.hexdigest())


class Queries:
    """A request's way to look at aggregates: filtered by the caller's regency, and never saved."""

    def __init__(self, request: Request) -> None:
        self._house: House = request.app.state.house
        self._request = request

    @property
    def uow(self) -> UnitOfWork:
        context = Commands(self._request).context
        return UnitOfWork(Gathering(self._house.storage, {}), context, source=self._house.source)


def _response(answer: StoredAnswer) -> Response:
    response = Response(answer.body, int(answer.headers["status"]), media_type="application/json")
    if etag := answer.headers.get("etag"):
        response.headers["ETag"] = etag
    if answer.repeated:
        response.headers["Idempotency-Replayed"] = "true"
    return response


def _expected_version(request: Request) -> int:
    stated = request.headers.get("if-match")
    if stated is None:
        raise Problem(428, "precondition_required", field="If-Match")
    found = ETAG.match(stated)
    if found is None:
        raise Problem(400, "precondition_required", field="If-Match")
    return int(found.group(1))


CommandsOf = Annotated[Commands, Depends(Commands)]
QueriesOf = Annotated[Queries, Depends(Queries)]
IfMatch = Annotated[int, Depends(_expected_version)]
"""The version that the caller read, from `If-Match: "7"`."""
