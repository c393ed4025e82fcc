"""How a request becomes one call of one use case: once, durable, and answered the same when repeated."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Concatenate, ParamSpec

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from gerai.chassis.answers import Repeatable
from gerai.chassis.auth import Caller
from gerai.chassis.parts import InParts, Parts, Planned, Shown
from gerai.chassis.problems import Problem
from gerai.chassis.requests import KEY_HEADER, key_of
from gerai.chassis.routes import DeclaredRoute
from gerai.chassis.service_context import ServiceContext
from gerai.chassis.traces import link_to, step
from gerai.messaging.command import needs_of
from gerai.messaging.context import Context
from gerai.messaging.group_commit import Needs
from gerai.messaging.storage import StoredAnswer
from gerai.messaging.unit_of_work import IdentityMap, UnitOfWork

ETAG_PATTERN = '^"(0|[1-9][0-9]{0,11})"$'
ETAG = re.compile(r'"(0|[1-9][0-9]{0,11})"')

NO_MARKS: Mapping[str, str] = {}

P = ParamSpec("P")
Bound = Callable[[UnitOfWork], Awaitable[BaseModel]]
"""A use case with its arguments and the time in place."""


class Commands:
    """A request's way to change something."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._service_context: ServiceContext = request.app.state.service_context
        scope = request.scope
        self.caller: Caller | None = scope.get("gerai.caller")
        self.context = Context(
            tenant=self.caller.tenant if self.caller else None,
            actor=self.caller.subject if self.caller else "visitor",
            correlation_id=scope["gerai.correlation_id"],
            traceparent=scope["gerai.trace"].traceparent,
        )

    def now(self) -> datetime:
        """Business time, to the millisecond."""
        return self._service_context.clock.now()

    async def run(
        self,
        use_case: Callable[Concatenate[UnitOfWork, datetime, P], Awaitable[BaseModel]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> Response:
        """Run a use case: it gets the unit of work and the business time, and these arguments. The answer is durable
        when this returns. It has the status that the route declares; a view with a `version` gets an ETag.

        The use case may run more than once before its changes are written: it must change nothing but
        aggregates. Refusals pass through and become problem+json; nothing is kept under their key.
        """
        at = self.now()
        needs = needs_of(use_case, args, kwargs, tenant=self.context.tenant, at=at)
        return await self._write(lambda uow: use_case(uow, at, *args, **kwargs), needs)

    async def _write(self, use_case: Bound, needs: Needs) -> Response:
        asked = await self._repeatable()
        return response_of(await self.answer(use_case, asked=asked, needs=needs))

    async def answer(
        self,
        use_case: Bound,
        *,
        asked: Repeatable | None,
        needs: Needs,
        marks: Mapping[str, str] = NO_MARKS,
    ) -> StoredAnswer:
        """As `run`, under a key whose fingerprint somebody else has made. `marks` are kept with the answer, in clear: they
        tell which of several runs under the same key it came from."""
        route: DeclaredRoute = self._request.scope["route"]
        status = str(route.status_code or 200)
        led_to: set[str] = set()
        clear: StoredAnswer | None = None
        kept: StoredAnswer | None = None

        async def command(uow: UnitOfWork) -> StoredAnswer:
            nonlocal led_to, clear, kept
            view = await use_case(uow)
            led_to = uow.other_traces()
            headers = {"status": status, **marks}
            if (version := getattr(view, "version", None)) is not None:
                headers["etag"] = f'"{version}"'
            clear = StoredAnswer(body=view.model_dump_json().encode(), headers=headers)
            kept = asked.seal(clear) if asked is not None else clear
            return kept

        idempotency_key = asked.idempotency_key if asked is not None else None
        with step("commit"):
            answer = await self._service_context.commit.execute(
                command, context=self.context, idempotency_key=idempotency_key, needs=needs
            )
        link_to(led_to)
        assert answer is not None
        if answer is kept and clear is not None:  # this run's own: it need not be opened
            return clear
        return asked.open(answer) if asked is not None else answer

    async def run_in_parts(self, work: InParts[Planned, Shown]) -> Response:
        """Run what may be too large for one transaction: see `parts`. The answer is durable when this returns, and all
        parts are. Raises the refusal of the whole, with nothing written; Unfinished where a part was refused later.
        """
        service_context, asked = self._service_context, await self._repeatable()
        assert asked is not None
        parts = Parts(work, service_context.commit, service_context.storage, self.context, asked)
        if (earlier := await parts.answered()) is not None:
            return response_of(earlier)
        last = await parts.write_all_but_last()
        with last.saying_what_is_written():
            return await self._write(last.use_case, last.needs)

    async def _repeatable(self) -> Repeatable | None:
        return self.repeatable(await self._request.body()) if self.is_repeatable else None

    @property
    def is_repeatable(self) -> bool:
        """Whether the request has, or must have, an Idempotency-Key."""
        return self._request.method == "POST" or KEY_HEADER in self._request.headers

    def repeatable(self, content: bytes) -> Repeatable:
        """What makes this request the same as another one: who sends it, where to, with what. `content`: its body, or what
        tells it from every other one. Raises Problem 400."""
        request = self._request
        key = key_of(request)
        scope = request.scope
        asked = hashlib.sha256(f"{scope['method']} {scope['path']}?".encode())
        asked.update(scope["query_string"] + b"\n")
        asked.update(content)
        # A stranger is who knows the address: its secret part is all that was shown. Neither a tenant nor a key holds a
        # space, and only an address begins with a slash, so nobody's key can be taken for another's.
        owner = self.caller.name if self.caller else scope["path"]
        return Repeatable.of(owner, key, fingerprint=asked.hexdigest())


class Queries:
    """A request's way to look at aggregates: filtered by the caller's regency, and never saved."""

    def __init__(self, request: Request) -> None:
        self._service_context: ServiceContext = request.app.state.service_context
        self._request = request

    def now(self) -> datetime:
        """Business time, to the millisecond."""
        return self._service_context.clock.now()

    @property
    def uow(self) -> UnitOfWork:
        context = Commands(self._request).context
        return UnitOfWork(
            IdentityMap(self._service_context.storage, {}), context, source=self._service_context.source
        )


def response_of(answer: StoredAnswer) -> Response:
    headers: dict[str, str] = {}
    if etag := answer.headers.get("etag"):
        headers["ETag"] = etag
    if answer.repeated:
        headers["Idempotency-Replayed"] = "true"
    return Response(answer.body, int(answer.headers["status"]), headers, "application/json")


# A class or a plain function as a dependency would be run in a thread of its own.
async def _commands(request: Request) -> Commands:
    return Commands(request)


async def _queries(request: Request) -> Queries:
    return Queries(request)


def version_expected(example: str) -> Callable[[str | None], Awaitable[int]]:
    """A dependency that reads `If-Match`; `example`: the one that works with the other examples of the route."""
    described = Header(
        alias="If-Match",
        description='The version that you read, from its ETag: "7".',
        examples=[example],
        # It is required; but who forgets it is told so by 428, and not that a field is missing.
        json_schema_extra={"type": "string", "pattern": ETAG_PATTERN},
    )

    async def expected(if_match: Annotated[str | None, described] = None) -> int:
        """428 where it is missing or says nothing (`*`); 412 where it cannot be the current version."""
        if if_match is None or if_match.strip() == "*":
            raise Problem(428, "precondition_required", field="If-Match")
        found = ETAG.fullmatch(if_match.strip())
        if found is None:
            raise Problem(412, "stale_version", field="If-Match")
        return int(found.group(1))

    return expected


CommandsOf = Annotated[Commands, Depends(_commands)]
QueriesOf = Annotated[Queries, Depends(_queries)]
IfMatch = Annotated[int, Depends(version_expected('"1"'))]
"""The version that the caller read, from `If-Match: "7"`."""
