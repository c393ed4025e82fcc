"""What the OpenAPI document says of an operation beside the types of its data: who may, the headers that the chassis
reads itself, every status that it can answer, and what can follow its answer."""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gerai.chassis.bodies import StreamedBody
from gerai.chassis.requests import KEY_HEADER, KEY_PATTERN, NIK_PATTERN
from gerai.chassis.routes import PUBLIC, DeclaredRoute

WAIT = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
TAKES = {"Accept": {"description": "What is taken.", "schema": {"type": "string"}}}
ETAG = {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}}
REPEATED = {
    "Idempotency-Replayed": {
        "description": "`true`: the answer of the first request with this key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
REFUSED: dict[int, tuple[str, dict[str, Any]]] = {
    400: (
        "The HTTP request, the JSON or the Idempotency-Key is malformed, the key may be a NIK, or a POST has none.",
        {},
    ),
    401: ("No token, or not a good one.", CHALLENGE),
    403: ("The role does not allow this.", {}),
    404: ("There is no such thing, or it is another regency's.", {}),
    408: ("The request took too long to arrive.", {}),
    409: ("Refused by a rule, in the state that things are in; `code` says which.", {}),
    412: ("Somebody else has changed it: If-Match names another version.", {}),
    413: ("The body is too large.", {}),
    414: ("The address is too long.", {}),
    415: ("The body is of a type that is not taken here, or encoded.", TAKES),
    422: ("Something in the request does not fit; `errors` names each field.", {}),
    428: ("If-Match is missing, or `*`.", {}),
    429: ("Too many requests at once or in a short time.", WAIT),
    431: ("The head of the request is too large.", {}),
    500: ("A fault of ours; the correlation id leads to it.", {}),
    503: ("The store or the process is busy or away.", WAIT),
}
ANYWHERE = (400, 408, 414, 422, 429, 431, 500, 503)
"""422, since a hidden character can stand in any address, and a query can hold what nobody knows."""
UNREAD = (400, 408, 414, 431)
"""Answers to requests that may not have been read, so that they may have no ids."""
ASKED: dict[str, str] = {
    "X-Correlation-Id": "A UUID, or 32 hexadecimal digits, under which the request is logged. Anything else is ignored.",
    "traceparent": "W3C Trace Context. Anything else is ignored.",
    "Accept-Language": "The language of refusals: `id` (also where nothing is said) or `en`.",
}
"""What every request may send. No schema beyond text: nothing is refused for them. No example either, since a page
would send it again and again, and everybody's requests would bear one id."""
TOLD: dict[str, Any] = {
    "X-Correlation-Id": {
        "description": "The one that was sent, or a new one. Tell it with a question about this request.",
        "schema": {
            "type": "string",
            "pattern": "^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
        },
    },
    "traceresponse": {
        "description": "The server's span, as W3C Trace Context writes it.",
        "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    },
    "Referrer-Policy": {"schema": {"type": "string", "enum": ["no-referrer"]}},
    "X-Content-Type-Options": {"schema": {"type": "string", "enum": ["nosniff"]}},
    "Cache-Control": {"schema": {"type": "string"}},
}
"""What every answer says."""
SPOKEN = {
    "Content-Language": {
        "description": "Of `title`, and of each sentence in `errors`.",
        "required": True,
        "schema": {"type": "string", "enum": ["id", "en"]},
    }
}
IF_MATCH = "if-match"


def complete(operation: dict[str, Any], route: DeclaredRoute) -> None:
    """Say it in an operation that FastAPI has described."""
    operation["x-permission"] = route.declared
    if route.declared != PUBLIC:
        operation["security"] = [{"bearer": []}]
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
    for status in sorted(_refusals(operation, route)):
        responses[str(status)] = {"$ref": f"#/components/responses/{status}"}


def _streamed(body: StreamedBody) -> dict[str, Any]:
    """OpenAPI 3.1 says of bytes that nobody encodes nothing but their type."""
    bytes_of_it = {"type": "string", "format": "binary", "minLength": 1, "maxLength": body.limit}
    return {
        "required": True,
        "description": f"At most {body.limit} bytes, as they are: no multipart, no content coding. They may come slowly, "
        f"but at {body.least_per_s} bytes a second on average.",
        "content": {media_type: {"schema": bytes_of_it} for media_type in body.media_types},
    }


def refusals() -> dict[str, Any]:
    """The components that operations refer to."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": description,
            "content": content,
            "headers": {**_told(required=status not in UNREAD), **SPOKEN, **headers},
        }
        for status, (description, headers) in REFUSED.items()
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


def _told(*, required: bool) -> dict[str, Any]:
    return {name: {**header, "required": required} for name, header in TOLD.items()}


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
    headers: dict[str, Any] = {**answer.get("headers", {}), **_told(required=True)}
    if route.answers_version:
        headers |= ETAG
    if route.method != "GET":
        headers |= REPEATED
    answer["headers"] = headers
    if route.links:
        answer["links"] = {name: link.described() for name, link in route.links.items()}


def _refusals(operation: dict[str, Any], route: DeclaredRoute) -> Iterator[int]:
    yield from ANYWHERE
    if route.declared != PUBLIC:
        yield from (401, 403)
    if "{" in route.path or route.method != "GET":
        yield 404
    if route.method != "GET":
        yield 409
    if (
        route.method != "GET" or route.declared == PUBLIC
    ):  # a stranger's body is read first, whatever asks for it
        yield 413
    if "requestBody" in operation:
        yield 415
    if any(one["name"].lower() == IF_MATCH for one in operation.get("parameters", ())):
        yield from (412, 428)
