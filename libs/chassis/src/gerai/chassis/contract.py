"""What the OpenAPI document says of an operation beside the types of its data: who may, the headers that the chassis
reads itself, every status that it can answer, and what can follow its answer."""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gerai.chassis.bodies import StreamedBody
from gerai.chassis.localized_texts import SENTENCES
from gerai.chassis.refusals import ANYWHERE, OF_TICKETS, OF_UPLOADS, answers, told_anywhere
from gerai.chassis.requests import KEY_HEADER, KEY_PATTERN, NIK_PATTERN
from gerai.chassis.routes import PUBLIC, DeclaredRoute
from gerai.messaging.refusal import LocalizedText

ETAG = {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}}
REPEATED = {
    "Idempotency-Replayed": {
        "description": "`true`: the answer of the first request with this key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
ASKED: dict[str, str] = {
    "X-Correlation-Id": "A UUID, or 32 hexadecimal digits, under which the request is logged. Anything else is ignored.",
    "traceparent": "W3C Trace Context. Anything else is ignored.",
    "Accept-Language": "The language of refusals: `id` (also where nothing is said) or `en`.",
}
"""What every request may send. No schema beyond text: nothing is refused for them. No example either, since a page
would send it again and again, and everybody's requests would bear one id."""
IF_MATCH = "if-match"


def complete(operation: dict[str, Any], route: DeclaredRoute, *, rules: Mapping[str, LocalizedText]) -> None:
    """Say it in an operation that FastAPI has described. `rules`: what the types of the service's bodies refuse by, code
    by code, beside the chassis."""
    operation["x-permission"] = route.declared
    if route.declared != PUBLIC:
        operation["security"] = [{"bearer": []}, *([{"streamTicket": []}] if route.takes_ticket else [])]
    if isinstance(route.body, StreamedBody):
        operation["requestBody"] = _streamed(route.body)
    parameters: list[dict[str, Any]] = operation.setdefault("parameters", [])
    if route.method != "GET":
        parameters.append(_key(route))
    parameters += _asked_anywhere()
    for parameter in parameters:
        if parameter["name"].lower() == IF_MATCH:
            schema = parameter["schema"]
            parameter |= {"required": True, "schema": {"type": "string", "pattern": schema["pattern"]}}
            parameter["example"] = schema["examples"][0]
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own form of it
    for answer in _good(responses):
        _complete_good(answer, route)
    own: Mapping[str, LocalizedText] = rules if route.body_field is not None else {}
    if isinstance(route.body, StreamedBody):
        own = {code: SENTENCES[code] for code in OF_UPLOADS}
    of_tickets = {code: SENTENCES[code] for code in OF_TICKETS if route.takes_ticket}
    responses |= answers(set(_house_statuses(operation, route)), route.expected, {401: of_tickets, 422: own})


def _streamed(body: StreamedBody) -> dict[str, Any]:
    """OpenAPI 3.1 says of bytes that nobody encodes nothing but their type."""
    bytes_of_it = {"type": "string", "format": "binary", "minLength": 1, "maxLength": body.limit}
    return {
        "required": True,
        "description": f"At most {body.limit} bytes, as they are: no multipart, no content coding. They may come slowly, "
        f"but at {body.least_per_s} bytes a second on average.",
        "content": {media_type: {"schema": bytes_of_it} for media_type in body.media_types},
    }


def _asked_anywhere() -> Iterator[dict[str, Any]]:
    for name, description in ASKED.items():
        yield {
            "name": name,
            "in": "header",
            "required": False,
            "description": description,
            "schema": {"type": "string"},
        }


def _key(route: DeclaredRoute) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": KEY_HEADER,
        "in": "header",
        "required": route.method == "POST",
        "description": "A new one for each new intention; the same one when the request is repeated.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "pattern": KEY_PATTERN,
            "not": {"pattern": NIK_PATTERN},
        },
    }
    if route.method == "POST":
        # One of its own for each operation: the same key on two of them would be refused.
        described["example"] = str(uuid5(NAMESPACE_URL, f"{route.method} {route.path}"))
    return described


def _good(responses: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (answer for status, answer in responses.items() if status < "4")


def _complete_good(answer: dict[str, Any], route: DeclaredRoute) -> None:
    headers: dict[str, Any] = {**answer.get("headers", {}), **told_anywhere(required=True)}
    if route.answers_version:
        headers |= ETAG
    if route.method != "GET":
        headers |= REPEATED
    answer["headers"] = headers
    if route.links:
        answer["links"] = {name: link.described() for name, link in route.links.items()}


def _house_statuses(operation: dict[str, Any], route: DeclaredRoute) -> Iterator[int]:
    """What the chassis itself refuses by."""
    yield from ANYWHERE
    if route.declared != PUBLIC:
        yield from (401, 403)
    if "{" in route.path:
        yield 404
    if (
        route.method != "GET" or route.declared == PUBLIC
    ):  # a stranger's body is read first, whatever asks for it
        yield 413
    if "requestBody" in operation:
        yield 415
    if any(one["name"].lower() == IF_MATCH for one in operation.get("parameters", ())):
        yield from (412, 428)
