"""Every refusal as `application/problem+json` (RFC 9457): a stable code, the field, a sentence. One place."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson
import structlog
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from pymongo.errors import PyMongoError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.responses import Response

from gerai.messaging.group_commit import StoreBusy
from gerai.messaging.refusal import Refusal, RefusalKind, Sentence

log = structlog.get_logger(__name__)

STATUS = {
    RefusalKind.INVALID: 422,
    RefusalKind.NOT_FOUND: 404,
    RefusalKind.CONFLICT: 409,
    RefusalKind.STALE: 412,
    RefusalKind.FORBIDDEN: 403,
}

SENTENCES: dict[str, Sentence] = {
    "malformed_json": Sentence("Isi permintaan bukan JSON yang benar.", "The body is not valid JSON."),
    "unknown_field": Sentence("Kolom ini tidak dikenal.", "This field is not known."),
    "missing": Sentence("Kolom ini wajib diisi.", "This field is required."),
    "hidden_character": Sentence(
        "Teks memuat karakter tersembunyi yang tidak diperbolehkan.", "The text contains a hidden character."
    ),
    "invalid": Sentence("Isi kolom ini tidak sesuai.", "The value of this field does not fit."),
    "body_too_large": Sentence("Isi permintaan terlalu besar.", "The body is too large."),
    "not_found": Sentence("Alamat atau data tidak ditemukan.", "This does not exist."),
    "method_not_allowed": Sentence(
        "Cara ini tidak berlaku untuk alamat ini.", "This method is not allowed here."
    ),
    "unauthenticated": Sentence("Silakan masuk terlebih dahulu.", "Please sign in first."),
    "invalid_token": Sentence(
        "Tanda masuk tidak sah atau sudah kedaluwarsa.", "The token is invalid or expired."
    ),
    "forbidden": Sentence("Anda tidak berhak melakukan ini.", "You are not allowed to do this."),
    "idempotency_key_required": Sentence(
        "Sertakan Idempotency-Key agar permintaan aman diulang.",
        "Send an Idempotency-Key, so that the request can be repeated safely.",
    ),
    "precondition_required": Sentence(
        "Sertakan If-Match dengan versi yang Anda baca.", "Send If-Match with the version that you read."
    ),
    "busy": Sentence(
        "Sistem sedang sibuk; silakan ulangi sebentar lagi.", "The system is busy; please retry shortly."
    ),
    "internal": Sentence(
        "Terjadi kesalahan di sistem kami. Petugas dapat melacaknya dengan kode korelasi.",
        "Something went wrong on our side. The correlation id leads to it.",
    ),
}


class Fault(NamedTuple):
    """One thing that is wrong with a request."""

    code: str
    field: str | None = None
    text: str | None = None
    """A sentence of its own, where the code's is too general."""


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


def language(request: Request) -> str:
    """ "en" only when it is asked for before Indonesian."""
    accepted = request.headers.get("accept-language", "")
    for part in accepted.split(","):
        tag = part.split(";")[0].strip().lower()
        if tag.startswith("id"):
            return "id"
        if tag.startswith("en"):
            return "en"
    return "id"


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
    body: dict[str, Any] = {
        "type": f"urn:gerai:problem:{code}",
        "title": title,
        "status": status,
        "code": code,
    }
    if field is not None:
        body["field"] = field
    if correlation := request.scope.get("gerai.correlation_id"):
        body["correlation_id"] = correlation
    if details:
        body["details"] = details
    if errors:
        body["errors"] = errors
    return Response(orjson.dumps(body), status, dict(headers or {}), "application/problem+json")


def own(request: Request, status: int, code: str, **more: Any) -> Response:
    sentence = SENTENCES[code]
    return problem(request, status, code, sentence.en if language(request) == "en" else sentence.id, **more)


async def on_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    details = {name: value for name, value in error.details.items() if isinstance(value, str | int | float)}
    return problem(
        request,
        STATUS[error.kind],
        error.code,
        error.text(language(request)),
        field=error.field,
        details=details,
    )


async def on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return own(request, error.status, error.code, field=error.field, headers=error.headers)


async def on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = [_fault(one) for one in error.errors()[:20]]
    first = faults[0]
    status = 400 if first.code == "malformed_json" else 422
    listed = [
        {"code": one.code, "field": one.field, "text": one.text or _say(request, one)} for one in faults
    ]
    return problem(request, status, first.code, _say(request, first), field=first.field, errors=listed)


def _say(request: Request, fault: Fault) -> str:
    sentence = SENTENCES.get(fault.code, SENTENCES["invalid"])
    return sentence.en if language(request) == "en" else sentence.id


def _fault(error: Mapping[str, Any]) -> Fault:
    kind: str = error["type"]
    place: Sequence[str | int] = error["loc"]
    field = ".".join(str(part) for part in place[1:]) or None
    match kind:
        case "json_invalid":
            return Fault("malformed_json")
        case "extra_forbidden":
            return Fault("unknown_field", field)
        case "missing":
            return Fault("missing", field or str(place[0]))
        case _ if kind in SENTENCES:
            return Fault(kind, field)
        case _:
            return Fault("invalid", field, str(error["msg"])[:300])


async def on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    code = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large", 400: "malformed_json"}
    return own(request, error.status_code, code.get(error.status_code, "invalid"), headers=error.headers)


async def on_busy(request: Request, error: Exception) -> Response:
    log.warning("store-unavailable", error=type(error).__name__)
    return own(request, 503, "busy", headers={"Retry-After": "1"})


async def on_bug(request: Request, error: Exception) -> Response:
    log.error("request-failed", exc_info=error)
    return own(request, 500, "internal")


def install(app: FastAPI) -> None:
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(StarletteHTTPException, on_http)
    app.add_exception_handler(StoreBusy, on_busy)
    app.add_exception_handler(PyMongoError, on_busy)
    app.add_exception_handler(Exception, on_bug)
