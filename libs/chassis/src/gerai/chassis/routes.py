"""Routes that say who may use them. One that does not say so keeps the service from starting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from gerai.chassis.auth import Authenticator, Caller
from gerai.chassis.problems import Problem

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
ADMIN = "admin"
PUBLIC = "public"
_bearer = HTTPBearer(
    auto_error=False, description="A token of the issuer; locally `make token ROLE=officer`."
)


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


async def _caller(request: Request) -> Caller:
    caller: Caller = request.scope["gerai.caller"]
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]
"""The authenticated caller, as a route's parameter."""


def _gate(permission: Permission) -> Callable[[Request], Any]:
    async def gate(request: Request) -> None:
        authenticator: Authenticator = request.app.state.authenticator
        caller = await authenticator.caller(request.headers.get("authorization"))
        if caller.roles.isdisjoint(permission.roles):
            raise Problem(403, "forbidden")
        request.scope["gerai.caller"] = caller

    return gate


class Routes:
    """A group of routes. `permission=` or `public=True` on each."""

    def __init__(self, *, tag: str, prefix: str = "") -> None:
        self.router = APIRouter(prefix=prefix, tags=[tag])

    def get(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[Endpoint], Endpoint]:
        return self._route("PUT", path, **options)

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
        def register(endpoint: Endpoint) -> Endpoint:
            dependencies = list(options.pop("dependencies", ()))
            if permission is not None:
                dependencies = [Depends(_gate(permission)), Depends(_bearer), *dependencies]
            declared = PUBLIC if public else permission.name if permission else None
            extra = {"x-permission": declared} if declared else None
            self.router.add_api_route(
                path, endpoint, methods=[method], dependencies=dependencies, openapi_extra=extra, **options
            )
            return endpoint

        return register


def require_declared(app: FastAPI) -> None:
    """Raises UndeclaredRoute, naming each route that forgot to say who may use it."""
    silent = [
        f"{sorted(route.methods or ())[0]} {route.path}"
        for route in app.routes
        if isinstance(route, APIRoute) and "x-permission" not in (route.openapi_extra or {})
    ]
    if silent:
        raise UndeclaredRoute(f"no permission declared: {', '.join(silent)}")
