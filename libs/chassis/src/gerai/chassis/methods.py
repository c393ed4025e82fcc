"""What an address answers to methods that no operation has: RFC 9110 wants all that it takes named in `Allow`."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from fastapi.routing import APIRoute
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Receive, Scope, Send

from gerai.chassis.problems import Problem

NO_CONTENT = 204
STREAM = "text/event-stream"


class OtherMethods(Route):
    """Behind all operations of one address: `HEAD` as its `GET`, `OPTIONS` with what there is, 405 for the rest."""

    def __init__(self, path: str, operations: Iterable[APIRoute]) -> None:
        async def refuse() -> None: ...

        super().__init__(path, refuse, include_in_schema=False)
        by_method = {method: one for one in operations for method in one.methods or ()}
        self._get = by_method.get("GET")
        if self._get is not None and getattr(self._get.response_class, "media_type", "") == STREAM:
            self._get = None  # it does not end, so no answer to it has a length or a last byte
        extra = ("HEAD", "OPTIONS") if self._get is not None else ("OPTIONS",)
        self._allow = {"Allow": ", ".join(sorted((*by_method, *extra)))}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), {**child, "route": self}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD" and self._get is not None:
            await self._get.app(scope, receive, send)  # the server leaves the body out
        elif scope["method"] == "OPTIONS":
            await Response(status_code=NO_CONTENT, headers=self._allow)(scope, receive, send)
        else:
            raise Problem(405, "method_not_allowed", headers=self._allow)


def others(operations: Iterable[APIRoute]) -> Iterator[BaseRoute]:
    """One for each address."""
    by_path = sorted(operations, key=lambda one: one.path)
    for path, of_path in groupby(by_path, key=lambda one: one.path):
        yield OtherMethods(path, list(of_path))
