"""Routes that say who may use them. One that does not say so keeps the service from starting."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args
from uuid import NAMESPACE_URL, uuid5

import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from gerai.chassis.admission import PUBLIC_BODY_LIMIT, Admission
from gerai.chassis.auth import Authenticator, Caller
from gerai.chassis.problems import Problem

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
ADMIN = "admin"
PUBLIC = "public"
PROBLEM_ANSWER = {
    "default": {
        "description": "Refused: what is wrong, as RFC 9457 says it.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}


@dataclass(frozen=True)
class Permission:
    """What a route lets one do, and the roles that may. `admin` may everything within its regency."""

    name: str
    roles: frozenset[str]

    @classmethod
    def to(cls, name: str, *roles: str) -> "Permission":
        return cls(name, frozenset({*roles, ADMIN}))


class UndeclaredRoute(Exception):
    """A route says neither who may use it nor that it is public. The service does not start."""


class LooseBody(Exception):
    """A route's body would swallow fields that nobody knows: a client's typing error. The service does not start."""


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["gerai.caller"]
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]
"""The authenticated caller, as a parameter of a route that is not public."""


class JsonRequest(Request):
    """Reads JSON strictly (no NaN, no lone surrogates, no numbers beyond 64 bits), and fast."""

    async def json(self) -> Any:
        return orjson.loads(await self.body())


class DeclaredRoute(APIRoute):
    """A route that knows who may use it, and asks before the body is read."""

    permission: Permission | None = None
    public = False

    @property
    def declared(self) -> str | None:
        """The permission's name, "public", or None where nothing was said."""
        return PUBLIC if self.public else self.permission.name if self.permission else None

    def get_route_handler(self) -> Callable[[Request], Any]:
        answer: Callable[[Request], Awaitable[Response]] = super().get_route_handler()

        async def handle(request: Request) -> Response:
            admission: Admission = request.app.state.admission
            asked = JsonRequest(request.scope, request.receive)
            if self.public:
                await self._listen(asked, admission)
                place = admission.stranger()
            else:
                place = admission.caller(await self._admit(asked, admission))
            with place:
                if (trace := request.scope["gerai.trace"]) is not None:
                    trace.begin(trusted=not self.public)
                return await answer(asked)

        return handle

    async def _listen(self, request: Request, admission: Admission) -> None:
        """A stranger's request is here as a whole before it takes a place; whoever sends slowly keeps nobody out."""
        await admission.stranger_asks(request)
        request.scope["gerai.exchange"].narrow(PUBLIC_BODY_LIMIT)
        await request.body()

    async def _admit(self, request: Request, admission: Admission) -> Caller:
        authenticator: Authenticator = request.app.state.authenticator
        shown = request.headers.get("authorization")
        try:
            caller = await authenticator.caller(shown)
        except Problem as refusal:
            if refusal.status == 401:
                await (admission.login_failed if shown else admission.stranger_asks)(request)
            raise
        if (connection := request.scope.get("gerai.connection")) is not None:
            connection.prove()
        if self.permission is None or caller.roles.isdisjoint(self.permission.roles):
            raise Problem(403, "forbidden")
        request.scope["gerai.caller"] = caller
        return caller


class Routes:
    """A group of routes. `permission=` or `public=True` on each."""

    def __init__(self, *, tag: str, prefix: str = "") -> None:
        self._tag = tag
        self._prefix = prefix
        self._routes: list[DeclaredRoute] = []

    def __iter__(self) -> Iterator[DeclaredRoute]:
        return iter(self._routes)

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("DELETE", path, **options)

    def _route(
        self,
        method: str,
        path: str,
        *,
        permission: Permission | None = None,
        public: bool = False,
        **options: Any,
    ) -> Callable[[Endpoint], Endpoint]:
        """The options are FastAPI's own."""
        full = f"{self._prefix}{path}"
        if public and permission is not None:
            raise TypeError(f"{method} {full} is public and needs a permission: which?")
        if public and method == "POST" and "{" not in full:
            raise TypeError(
                f"{method} {full} is public, and nothing in its address tells one stranger from another: "
                "an idempotency key would be everybody's"
            )

        def register(endpoint: Endpoint) -> Endpoint:
            described = {"tags": [self._tag], "responses": PROBLEM_ANSWER} | options
            described["openapi_extra"] = _described(method, full, permission, options.get("openapi_extra"))
            route = DeclaredRoute(full, endpoint, methods=[method], **described)
            route.permission = permission
            route.public = public
            self._routes.append(route)
            return endpoint

        return register


def _described(
    method: str, path: str, permission: Permission | None, more: dict[str, Any] | None
) -> dict[str, Any]:
    """What the OpenAPI page says beside the types: who may, and the headers that the chassis reads itself."""
    described: dict[str, Any] = {"x-permission": permission.name if permission else PUBLIC, **(more or {})}
    if permission is not None:
        described["security"] = [{"bearer": []}]
    if method == "POST":
        # An example of its own for each route: the same key on two routes would be refused.
        example = str(uuid5(NAMESPACE_URL, f"{method} {path}"))
        described.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": True,
                "description": "A new one for each new intention; the same one when the request is repeated.",
                "schema": {"type": "string", "maxLength": 128},
                "example": example,
            }
        )
    return described


def install(app: FastAPI, groups: Iterable[Routes]) -> None:
    """Put them before what the app has of its own. Raises UndeclaredRoute, naming each route that forgot to say
    who may use it, and LooseBody, naming each model that does not forbid unknown fields.

    Not `include_router`: what is in there is hidden from such a check.
    """
    declared = [route for routes in groups for route in routes]
    silent = [f"{min(route.methods or ('?',))} {route.path}" for route in declared if route.declared is None]
    if silent:
        raise UndeclaredRoute(f"no permission declared: {', '.join(silent)}")
    loose = [f"{route.path}: {model}" for route in declared for model in _loose_models(route)]
    if loose:
        raise LooseBody(f"unknown fields are not forbidden: {', '.join(loose)}")
    app.router.routes[:0] = declared


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
