"""What is asked of every request before its own route sees it: nothing that nobody knows, nothing twice, and no value
of another type than the document says."""

import json
import re
from collections.abc import Sequence
from typing import Any, cast

import jiter
import orjson
from fastapi import Request
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, TypeAdapter, ValidationError

from gerai.chassis.problems import Problem

KEY_HEADER = "Idempotency-Key"
KEY_PATTERN = "^[!-~]{1,128}$"
KEY = re.compile(r"[!-~]{1,128}")
NIK_PATTERN = "(^|[^0-9A-Fa-f])[0-9]{16}([^0-9A-Fa-f]|$)|^[^0-9A-Za-z]*([0-9][^0-9A-Za-z]*){16}$"
"""Sixteen digits that stand by themselves, or with separators as the whole key. Not as few as in other ids: keys are
made of times, too; and what is part of a longer hexadecimal number is left alone."""
NIK = re.compile(NIK_PATTERN)
FRACTION = re.compile(rb"[0-9][.eE]")
LARGEST_EXACT = 2**53
JSON = re.compile(r"application/(?:[a-z0-9!#$&^_.-]+\+)?json\s*(?:;.*)?", re.IGNORECASE)


def key_of(request: Request) -> str:
    """The request's Idempotency-Key. Raises Problem 400 where it is missing, malformed, may be a NIK, or there are
    several."""
    known: str | None = request.scope.get("gerai.idempotency_key")
    if known is None:
        known = request.scope["gerai.idempotency_key"] = _stated_key(request)
    return known


def _stated_key(request: Request) -> str:
    keys = request.headers.getlist(KEY_HEADER)
    if not keys:
        raise Problem(400, "idempotency_key_required", field=KEY_HEADER)
    if len(keys) > 1 or KEY.fullmatch(keys[0]) is None:
        raise Problem(400, "idempotency_key_malformed", field=KEY_HEADER)
    if NIK.search(keys[0]) is not None:
        raise Problem(400, "idempotency_key_personal", field=KEY_HEADER)
    return keys[0]


def query_names(dependant: Dependant) -> frozenset[str]:
    """What a route reads from the query."""
    names: set[str] = set()
    for inner in dependant.dependencies:
        names |= query_names(inner)
    for field in dependant.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            names.update(one.alias or name for name, one in model.model_fields.items())
        else:
            names.add(field.alias)
    return frozenset(names)


def check_query(request: Request, known: frozenset[str]) -> None:
    """Raises Problem 422: a name that the route does not read is a typing error, and of two values one would be
    dropped without a word."""
    if not request.scope["query_string"]:
        return
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            raise Problem(422, "unknown_field", field=name)
        if name in seen:
            raise Problem(422, "repeated", field=name)
        seen.add(name)


def check_media_type(request: Request) -> None:
    """Raises Problem 415 where there is a body that does not say that it is JSON."""
    headers = request.headers
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return
    if JSON.fullmatch(headers.get("content-type", "").strip()) is None:
        raise Problem(415, "unsupported_media_type", headers={"Accept": "application/json"})


class JsonRequest(Request):
    """Reads JSON strictly (no NaN, no lone surrogates, no numbers beyond 64 bits, no name twice in an object), and
    fast."""

    async def body(self) -> bytes:
        """Mostly it is here in one piece. What ends too early, or is too large, is refused by `edge.Exchange`."""
        known: bytes | None = getattr(self, "_body", None)
        if known is None:
            message = await self.receive()
            known = message.get("body", b"")
            while message.get("more_body", False):
                message = await self.receive()
                known += message.get("body", b"")
            self._body = known
        return known

    async def json(self) -> Any:
        body = await self.body()
        value = orjson.loads(body)
        try:
            jiter.from_json(body, catch_duplicate_keys=True)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from error
        return _whole(value) if FRACTION.search(body) else value


def _whole(value: Any) -> Any:
    """4.0 is a whole number in JSON Schema, and in many languages there is no other way to write one."""
    match value:
        case float() if value.is_integer() and abs(value) < LARGEST_EXACT:
            return int(value)
        case list():
            return [_whole(one) for one in value]
        case dict():
            return {name: _whole(one) for name, one in value.items()}
        case _:
            return value


def read_strictly(field: ModelField) -> None:
    """Let a body be what the document says, and not what could be made into it: by default pydantic reads "5" and true
    as whole numbers, and a number as a date. Its JSON mode knows that dates are written as text."""
    adapter: TypeAdapter[Any] = TypeAdapter(cast(type, field.field_info.annotation))

    def validate(
        value: Any, values: object = None, *, loc: Sequence[str | int] = ()
    ) -> tuple[Any, list[dict[str, Any]]]:
        try:
            return adapter.validate_json(orjson.dumps(value), strict=True), []
        except ValidationError as error:
            faults = error.errors(include_url=False)
            return None, [{**one, "loc": (*loc, *one["loc"])} for one in faults]

    field.validate = validate  # type: ignore[method-assign]
