"""Every refusal as `application/problem+json` (RFC 9457): a stable code, the field, a sentence. One place."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
import structlog
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pymongo.errors import PyMongoError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from gerai.chassis.localized_texts import INVALID_BECAUSE as INVALID_BECAUSE
from gerai.chassis.localized_texts import SENTENCES as SENTENCES
from gerai.messaging.failures import Failure, kind_of
from gerai.messaging.mapping import NewerDocument
from gerai.messaging.refusal import Fault, LocalizedText, Refusal, RefusalKind
from gerai.messaging.storage import StoreBusy, TooManyWaiting

log = structlog.get_logger(__name__)

STATUS = {
    RefusalKind.INVALID: 422,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.STALE: 412,
    RefusalKind.FORBIDDEN: 403,
}
GONE = 499
"""What proxies write down, too, where a client left before its answer."""
HTTP_CODES = {
    400: "malformed_json",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    413: "body_too_large",
    415: "unsupported_media_type",
    GONE: "client_gone",
}
FAULTS_LIMIT = 20
FIELD_LIMIT = 200

SCHEMA = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). Nothing was changed.",
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:gerai:problem:not_found"]},
        "title": {"type": "string", "description": "A sentence for people, as Accept-Language asks."},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable; for programs."},
        "field": {"type": "string"},
        "correlation_id": {"type": "string"},
        "details": {"type": "object"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("code", "field", "text")},
            },
        },
    },
}
"""What a problem looks like, for the OpenAPI page."""


class Problem(Exception):
    """A refusal of the web layer itself."""

    def __init__(
        self, status: int, code: str, *, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.field = field
        self.headers = headers or {}


class BodyTooLarge(HTTPException):
    """An HTTPException, because it is raised while FastAPI reads the body."""

    def __init__(self) -> None:
        super().__init__(413, "body_too_large")


class ClientGone(HTTPException):
    """The client hung up before it had sent its body. Nobody's fault, and nobody reads the answer."""

    def __init__(self) -> None:
        super().__init__(GONE, "client_gone")


def language(request: Request) -> str:
    """The one of "id" and "en" that the client likes better; Indonesian where it does not say."""
    liking = {"id": 0.0, "en": 0.0}
    for part in request.headers.get("accept-language", "")[:500].split(","):
        tag, _, quality = part.partition(";")
        name = tag.strip().lower().partition("-")[0]
        if name in liking:
            liking[name] = max(liking[name], _quality(quality))
    return "en" if liking["en"] > liking["id"] else "id"


def _quality(stated: str) -> float:
    name, _, value = stated.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0


def body_of(status: int, code: str, title: str, field: str | None = None) -> dict[str, Any]:
    """What every problem says."""
    body: dict[str, Any] = {
        "type": f"urn:gerai:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
    }
    return body if field is None else {**body, "field": field}


def details_of(refusal: Refusal) -> dict[str, Any]:
    """Those that programs read."""
    return {name: value for name, value in refusal.details.items() if isinstance(value, str | int | float)}


def problem(
    request: Request,
    status: int,
    code: str,
    title: str,
    *,
    field: str | None = None,
    headers: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
) -> Response:
    body = body_of(status, code, title, field)
    if correlation := request.scope.get("gerai.correlation_id"):
        body["correlation_id"] = correlation
    if details:
        body["details"] = details
    if errors:
        body["errors"] = errors
    described = {**(headers or {}), "Content-Language": language(request)}
    return Response(orjson.dumps(body), status, described, "application/problem+json")


def own(request: Request, status: int, code: str, **more: Any) -> Response:
    sentence = SENTENCES[code]
    return problem(request, status, code, sentence.in_language(language(request)), **more)


def on_the_wire(status: int, code: str) -> bytes:
    """A whole answer for a client whose request could not be read; its connection ends with it."""
    sentence = SENTENCES[code]
    body = orjson.dumps(body_of(status, code, sentence.id))
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "content-type: application/problem+json",
        f"content-length: {len(body)}",
        "content-language: id",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "connection: close",
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem(
        request,
        STATUS[error.kind],
        error.code,
        error.text(language(request)),
        field=error.field,
        details=details_of(error),
        errors=_listed(error.faults, language(request)),
    )


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return own(request, error.status, error.code, field=error.field, headers=error.headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    known = {**SENTENCES, **request.app.state.rules}
    faults = [fault_of(one, known) for one in error.errors()[:FAULTS_LIMIT]]
    first, spoken = faults[0], language(request)
    status = 400 if first.code == "malformed_json" else 422
    title = first.sentence.in_language(spoken)
    return problem(request, status, first.code, title, field=first.path, errors=_listed(faults, spoken))


def _listed(faults: Sequence[Fault], spoken: str) -> list[dict[str, str]]:
    return [
        {
            "code": fault.code,
            **({"field": fault.path} if fault.path is not None else {}),
            "text": fault.sentence.in_language(spoken),
        }
        for fault in faults
    ]


def fault_of(error: Mapping[str, Any], known: Mapping[str, LocalizedText]) -> Fault:
    """What pydantic found, as people and programs read it. `known`: the codes that are told as they are."""
    kind: str = error["type"]
    place: Sequence[str | int] = error["loc"]
    field = _shown(".".join(str(part) for part in place[1:]) or str(place[0]))
    match kind:
        case "json_invalid":
            return Fault(None, "malformed_json", SENTENCES["malformed_json"])
        case "extra_forbidden":
            return Fault(field, "unknown_field", SENTENCES["unknown_field"])
        case _ if kind in known:
            return Fault(field, kind, known[kind])
        case _ if kind in INVALID_BECAUSE:
            return Fault(field, "invalid", _filled(INVALID_BECAUSE[kind], error.get("ctx", {})))
        case _:
            return Fault(field, "invalid", SENTENCES["invalid"])


def _shown(field: str) -> str:
    """A field's name may be the client's own words: it goes back short, and with nothing hidden in it."""
    return "".join(one if one.isprintable() else "?" for one in field[:FIELD_LIMIT])


def _filled(sentence: LocalizedText, limits: Mapping[str, Any]) -> LocalizedText:
    try:
        return LocalizedText(*(text.format_map(limits) for text in sentence))
    except KeyError:
        return SENTENCES["invalid"]


async def on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    return own(
        request, error.status_code, HTTP_CODES.get(error.status_code, "invalid"), headers=error.headers
    )


async def on_busy(request: Request, error: Exception) -> Response:
    log.warning("store-unavailable", error=repr(error)[:300])
    return own(request, 503, "busy", headers={"Retry-After": "1"})


async def on_newer(request: Request, error: Exception) -> Response:
    """In a rolling update: a process of the newer version, which may be the next one asked, can read it."""
    log.warning("newer-document", error=str(error)[:300])
    return own(request, 503, "newer_version", headers={"Retry-After": "5"})


async def on_too_many(request: Request, error: Exception) -> Response:
    """Not logged one by one: there are many of them, and the count of answers by status tells it."""
    return own(request, 429, "too_many_requests", headers={"Retry-After": "1"})


async def on_store_error(request: Request, error: Exception) -> Response:
    """Away, electing or overtaken passes by itself; what the store refuses is a fault of ours."""
    if kind_of(error) is Failure.REFUSED:
        return await on_bug(request, error)
    return await on_busy(request, error)


async def on_bug(request: Request, error: Exception) -> Response:
    log.error("request-failed", exc_info=error)
    return own(request, 500, "internal")


def install(app: Starlette) -> None:
    """For what is known; `Edge` answers for the rest."""
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(StarletteHTTPException, on_http)
    app.add_exception_handler(StoreBusy, on_busy)
    app.add_exception_handler(TooManyWaiting, on_too_many)
    app.add_exception_handler(NewerDocument, on_newer)
    app.add_exception_handler(PyMongoError, on_store_error)
