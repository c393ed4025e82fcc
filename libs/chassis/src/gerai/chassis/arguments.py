"""What an endpoint is called with, where its route asks for little: parts of the path, one JSON body, and what is made
of the request alone.

FastAPI asks of each request all that a route could want. For a command that took as long as its domain and its documents
together, so such a route is served without; any other goes FastAPI's way. Both check values with the same fields and
refuse in the same words.
"""

import copy
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction, signature
from typing import Any

from fastapi import Request
from fastapi._compat import ModelField, get_missing_field_error
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.exceptions import HTTPException
from starlette.responses import Response

OfRequest = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Arguments:
    """How the arguments of one endpoint are made."""

    path: tuple[tuple[str, ModelField], ...]
    """With the name that each part has in the route's path."""
    body: ModelField | None
    made: tuple[tuple[str, str, OfRequest], ...]
    """Argument, and what makes it of the request, which it takes under a name of its own."""

    @classmethod
    def of(cls, route: APIRoute) -> "Arguments | None":
        """None where the route asks for more, or does not answer with a Response of its own."""
        asked, endpoint = route.dependant, route.endpoint
        if signature(endpoint).return_annotation is not Response or not iscoroutinefunction(endpoint):
            return None
        bodies = [] if route.body_field is None else [route.body_field]
        parts = [(field.alias, field) for field in asked.path_params]
        made = [_made_of_request(one) for one in asked.dependencies]
        if (
            _asks_for_more(asked)
            or asked.request_param_name is not None
            or asked.body_params != bodies
            or any(name not in route.param_convertors for name, _ in parts)
            or any(one is None for one in made)
        ):
            return None
        return cls(tuple(parts), route.body_field, tuple(one for one in made if one is not None))

    async def read(self, request: Request) -> dict[str, Any]:
        """Raises RequestValidationError with all that is wrong."""
        sent = await _json(request) if self.body is not None else None
        found: dict[str, Any] = {}
        for name, takes, make in self.made:
            found[name] = await make(**{takes: request})
        faults: list[Any] = []
        for part, field in self.path:
            found[field.name], wrong = field.validate(request.path_params[part], {}, loc=("path", part))
            faults += wrong
        if self.body is not None:
            found[self.body.name], wrong = _checked(self.body, sent)
            faults += wrong
        if faults:
            raise RequestValidationError(faults, body=sent)
        return found


def _asks_for_more(dependant: Dependant) -> bool:
    others = (
        dependant.query_params,
        dependant.header_params,
        dependant.cookie_params,
        dependant.websocket_param_name,
        dependant.http_connection_param_name,
        dependant.response_param_name,
        dependant.background_tasks_param_name,
        dependant.security_scopes_param_name,
        dependant.concurrency,
    )
    return any(others)


def _made_of_request(dependant: Dependant) -> tuple[str, str, OfRequest] | None:
    name, takes, make = dependant.name, dependant.request_param_name, dependant.call
    if name is None or takes is None or make is None or not iscoroutinefunction(make):
        return None
    if _asks_for_more(dependant) or dependant.path_params or dependant.body_params or dependant.dependencies:
        return None
    return name, takes, make


async def _json(request: Request) -> Any:
    """PydanticUndefined where there is no body."""
    try:
        return await request.json() if await request.body() else PydanticUndefined
    except json.JSONDecodeError as error:
        fault = {
            "type": "json_invalid",
            "loc": ("body", error.pos),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": error.msg},
        }
        raise RequestValidationError([fault], body=error.doc) from error
    except HTTPException:
        raise
    except Exception as error:
        raise HTTPException(400, "There was an error parsing the body") from error


def _checked(field: ModelField, sent: Any) -> tuple[Any, list[Any]]:
    if sent is not PydanticUndefined:
        return field.validate(sent, {}, loc=("body",))
    if field.field_info.is_required():
        return None, [get_missing_field_error(("body",))]
    return copy.deepcopy(field.default), []
