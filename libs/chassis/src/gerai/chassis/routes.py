"""Routes that say who may use them. One that does not say so keeps the service from starting."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Required, TypedDict, TypeVar, Unpack, get_args

import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette._utils import get_route_path
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from gerai.chassis import requests
from gerai.chassis.admission import PUBLIC_BODY_LIMIT, Admission
from gerai.chassis.arguments import Arguments
from gerai.chassis.auth import Authenticator, Caller
from gerai.chassis.bodies import JSON_LIMIT, Body, JsonBody, StreamedBody
from gerai.chassis.links import ResponseLink
from gerai.chassis.methods import others
from gerai.chassis.problems import Problem
from gerai.chassis.stream_tickets import PARAMETER, StreamTickets
from gerai.messaging.refusal import Refusal, UnableToRepeat

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Handler = Callable[[Request], Awaitable[Response]]
ADMIN = "admin"
PUBLIC = "public"
TICKET = frozenset({PARAMETER})

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Permission:
    """What a route lets one do, and the roles that may. `admin` may everything within its regency."""

    name: str
    roles: frozenset[str]

    @classmethod
    def to(cls, name: str, *roles: str) -> "Permission":
        return cls(name, frozenset({*roles, ADMIN}))


@dataclass(frozen=True)
class Secret:
    """The parameter of a public route's address that nobody can guess: who shows it may do what the route does, and
    an idempotency key belongs to who shows it."""

    parameter: str


class Declaration(TypedDict, total=False):
    """What a route says of itself; `Routes.get` and the others take it."""

    summary: Required[str]
    """A sentence for people, without a full stop: "Call whoever is next to this desk"."""
    operation_id: Required[str]
    """For generated clients: "callNext". It is a promise, listed in the service's `operations.txt`."""
    permission: Permission
    public: bool | Secret
    """Instead of a permission: True, or the Secret in its address, which a route that changes something must have."""
    body: Body
    """What it takes, if that is not JSON of the usual size."""
    takes_ticket: bool
    """Whether who has no header may show a stream ticket instead: see `stream_tickets`."""
    refuses: tuple[type[Refusal], ...]
    """What its use case refuses by, beside what the chassis refuses everywhere."""
    links: Mapping[str, ResponseLink]
    """The operations that can follow, by a name for each."""
    status_code: int
    """Of its good answer; 200 where nothing is said."""
    response_model: Any
    response_class: type[Response]
    responses: dict[int | str, dict[str, Any]]


class Declared(NamedTuple):
    """What the chassis itself reads of a declaration."""

    permission: Permission | None
    public: bool
    body: Body
    takes_ticket: bool
    refuses: tuple[type[Refusal], ...]
    links: Mapping[str, ResponseLink]


class UndeclaredRefusal(Exception):
    """A use case refused by what its route does not declare, so that no client can know it."""


class AmbiguousOperation(Exception):
    """Two routes have one operation id. The service does not start."""


class UndeclaredRoute(Exception):
    """A route says neither who may use it nor that it is public. The service does not start."""


class LooseBody(Exception):
    """A route's body would swallow fields that nobody knows: a client's typing error. The service does not start."""


class UnknownLinkTarget(Exception):
    """A link names an operation that does not exist. The service does not start."""


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["gerai.caller"]
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]
"""The authenticated caller, as a parameter of a route that is not public."""


class DeclaredRoute(APIRoute):
    """A route that knows who may use it, and asks before the body is read."""

    def __init__(
        self, path: str, endpoint: Callable[..., Any], *, declared: Declared, **options: Any
    ) -> None:
        """`options`: FastAPI's own."""
        (self.method,) = options["methods"]
        self.permission, self.public, self.body, self.takes_ticket, refuses, self.links = declared
        self.expected = (*refuses, UnableToRepeat) if self.method != "GET" else refuses
        super().__init__(path, endpoint, **options)
        self._begins_with = path.partition("{")[0]
        if self.body_field is not None:
            requests.read_strictly(self.body_field)
        if (arguments := Arguments.of(self)) is not None:
            self.app = self._served_with(arguments)

    @property
    def declared(self) -> str | None:
        """The permission's name, "public", or None where nothing was said."""
        return PUBLIC if self.public else self.permission.name if self.permission else None

    @property
    def answers_version(self) -> bool:
        """Whether what it answers has a version, which an ETag says, too."""
        model = self.response_model
        return isinstance(model, type) and issubclass(model, BaseModel) and "version" in model.model_fields

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Routes are tried one after the other; most are told apart by how they begin, without a regular expression."""
        if not get_route_path(scope).startswith(self._begins_with):
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Any]:
        """FastAPI's way, for whatever a route may ask for."""
        handle = self._admitting(super().get_route_handler())

        async def handle_strictly(request: Request) -> Response:
            return await handle(requests.JsonRequest(request.scope, request.receive))

        return handle_strictly

    def _served_with(self, arguments: Arguments) -> ASGIApp:
        async def answer(request: Request) -> Response:
            response: Response = await self.endpoint(**await arguments.read(request))
            return response

        handle = self._admitting(answer)

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            response = await handle(requests.JsonRequest(scope, receive, send))
            await response(scope, receive, send)

        return serve

    def _admitting(self, answer: Handler) -> Handler:
        """What comes before every answer: who asks, and whether they may."""
        known = requests.query_names(self.dependant) | (TICKET if self.takes_ticket else frozenset())
        is_post, has_body = self.method == "POST", self.body_field

        async def handle(asked: Request) -> Response:
            admission: Admission = asked.app.state.admission
            asked.scope["gerai.exchange"].limit_body(self.body.limit)
            if self.public:
                await self._read_stranger_body(asked, admission)
                place = admission.stranger()
            else:
                caller = await self._authenticate(asked, admission)
                await admission.caller_asks(caller)
                place = admission.caller(caller)
            with place:
                self._require_permission(asked)
                if (trace := asked.scope["gerai.trace"]) is not None:
                    trace.begin(asked.scope.get("gerai.caller"))
                if is_post:
                    requests.key_of(asked)
                requests.check_query(asked, known)
                if isinstance(self.body, StreamedBody):
                    asked.scope["gerai.exchange"].may_last = True
                    asked.state.media_type = self.body.check(asked)
                elif has_body is not None:
                    requests.check_media_type(asked)
                try:
                    return await answer(asked)
                except Refusal as refusal:
                    self._note_undeclared(refusal, strict=asked.app.state.strict)
                    raise

        return handle

    def _note_undeclared(self, refusal: Refusal, *, strict: bool) -> None:
        """Raises UndeclaredRefusal if `strict`."""
        if isinstance(refusal, self.expected):
            return
        if strict:
            raise UndeclaredRefusal(f"{self.operation_id} does not declare {refusal}") from refusal
        log.error("undeclared-refusal", operation=self.operation_id, refusal=str(refusal))

    async def _read_stranger_body(self, request: Request, admission: Admission) -> None:
        """A stranger's request is here as a whole before it takes a place; whoever sends slowly keeps nobody out."""
        await admission.stranger_asks(request)
        await request.body()

    async def _authenticate(self, request: Request, admission: Admission) -> Caller:
        authenticator: Authenticator = request.app.state.authenticator
        tickets: StreamTickets = request.app.state.stream_tickets
        shown = request.headers.get("authorization")
        ticket = request.query_params.get(PARAMETER) if self.takes_ticket and shown is None else None
        try:
            if ticket is not None:
                caller = tickets.open(ticket, path=request.scope["path"])
            else:
                caller = await authenticator.caller(shown)
        except Problem as refusal:
            if refusal.status == 401:
                await (admission.login_failed if shown or ticket else admission.stranger_asks)(request)
            raise
        if (connection := request.scope.get("gerai.connection")) is not None:
            connection.mark_authenticated(caller)
        request.scope["gerai.caller"] = caller
        return caller

    def _require_permission(self, request: Request) -> None:
        """Behind the rates: who is refused here may not ask without end either."""
        if self.public:
            return
        caller: Caller = request.scope["gerai.caller"]
        if self.permission is None or caller.roles.isdisjoint(self.permission.roles):
            raise Problem(403, "forbidden")


class Routes:
    """A group of routes."""

    def __init__(self, *, tag: str, prefix: str = "") -> None:
        self._tag = tag
        self._prefix = prefix
        self._routes: list[DeclaredRoute] = []

    def __iter__(self) -> Iterator[DeclaredRoute]:
        return iter(self._routes)

    def get(self, path: str, **declaration: Unpack[Declaration]) -> Callable[[Endpoint], Endpoint]:
        return self._route("GET", path, **declaration)

    def post(self, path: str, **declaration: Unpack[Declaration]) -> Callable[[Endpoint], Endpoint]:
        return self._route("POST", path, **declaration)

    def put(self, path: str, **declaration: Unpack[Declaration]) -> Callable[[Endpoint], Endpoint]:
        return self._route("PUT", path, **declaration)

    def patch(self, path: str, **declaration: Unpack[Declaration]) -> Callable[[Endpoint], Endpoint]:
        return self._route("PATCH", path, **declaration)

    def delete(self, path: str, **declaration: Unpack[Declaration]) -> Callable[[Endpoint], Endpoint]:
        return self._route("DELETE", path, **declaration)

    def _route(
        self,
        method: str,
        path: str,
        *,
        summary: str,
        operation_id: str,
        permission: Permission | None = None,
        public: bool | Secret = False,
        body: Body | None = None,
        takes_ticket: bool = False,
        refuses: tuple[type[Refusal], ...] = (),
        links: Mapping[str, ResponseLink] | None = None,
        **options: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        full = f"{self._prefix}{path}"
        if public and permission is not None:
            raise TypeError(f"{method} {full} is public and needs a permission: which?")
        if isinstance(public, Secret):
            if f"{{{public.parameter}}}" not in full:
                raise TypeError(f"{method} {full} has no {{{public.parameter}}}, which was to be its secret")
        elif public and method != "GET":
            raise TypeError(
                f"{method} {full} is public, changes something, and names no Secret in its address: an idempotency "
                "key would be everybody's"
            )
        if takes_ticket and (public or method != "GET"):
            raise TypeError(f"{method} {full}: a ticket opens a stream that needs a permission")
        if public and isinstance(body, StreamedBody):
            raise TypeError(f"{method} {full} is public: strangers send no streams")
        usual = JsonBody(limit=PUBLIC_BODY_LIMIT if public else JSON_LIMIT)
        declared = Declared(
            permission, public is not False, body or usual, takes_ticket, refuses, links or {}
        )
        named = {"tags": [self._tag], "summary": summary, "operation_id": operation_id}

        def register(endpoint: Endpoint) -> Endpoint:
            self._routes.append(
                DeclaredRoute(full, endpoint, declared=declared, methods=[method], **named, **options)
            )
            return endpoint

        return register


def install(app: FastAPI, groups: Iterable[Routes]) -> None:
    """Put them before what the app has of its own. Raises UndeclaredRoute, naming each route that forgot to say
    who may use it, AmbiguousOperation, LooseBody, naming each model that does not forbid unknown fields, and
    UnknownLinkTarget.

    Not `include_router`: what is in there is hidden from such a check.
    """
    declared = [route for routes in groups for route in routes]
    silent = [f"{min(route.methods or ('?',))} {route.path}" for route in declared if route.declared is None]
    if silent:
        raise UndeclaredRoute(f"no permission declared: {', '.join(silent)}")
    loose = [f"{route.path}: {model}" for route in declared for model in _loose_models(route)]
    if loose:
        raise LooseBody(f"unknown fields are not forbidden: {', '.join(loose)}")
    there = Counter(route.operation_id for route in declared)
    if twice := [id for id, count in there.items() if count > 1]:
        raise AmbiguousOperation(f"more than one route is called {', '.join(map(str, twice))}")
    lost = [link.to for route in declared for link in route.links.values() if link.to not in there]
    if lost:
        raise UnknownLinkTarget(f"there is no such operation: {', '.join(lost)}")
    app.router.routes[:0] = [*declared, *others(declared)]


def _loose_models(route: DeclaredRoute) -> Iterator[str]:
    if route.body_field is None:
        return
    seen: set[type[BaseModel]] = set()
    waiting: list[Any] = [route.body_field.field_info.annotation]
    while waiting:
        kind = waiting.pop()
        waiting.extend(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
            seen.add(kind)
            waiting.extend(field.annotation for field in kind.model_fields.values())
            if kind.model_config.get("extra") != "forbid":
                yield kind.__name__
