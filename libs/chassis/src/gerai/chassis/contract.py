"""What the OpenAPI document says of an operation beside the types of its data: who may, the headers that the chassis
reads itself, every status that it can answer, and what can follow its answer."""

from collections.abc import Iterator
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from gerai.chassis.requests import KEY_HEADER, KEY_PATTERN, NIK_PATTERN
from gerai.chassis.routes import PUBLIC, DeclaredRoute

WAIT = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
ETAG = {"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}}
REPEATED = {
    "Idempotency-Replayed": {
        "description": "`true`: the answer of the first request with this key.",
        "schema": {"type": "string", "enum": ["true"]},
    }
}
REFUSED: dict[int, tuple[str, dict[str, Any]]] = {
    400: ("The JSON or the Idempotency-Key is malformed, or the key is missing or may be a NIK.", {}),
    401: ("No token, or not a good one.", CHALLENGE),
    403: ("The role does not allow this.", {}),
    404: ("There is no such thing, or it is another regency's.", {}),
    408: ("The request took too long to arrive.", {}),
    409: ("Refused by a rule, in the state that things are in; `code` says which.", {}),
    412: ("Somebody else has changed it: If-Match names another version.", {}),
    413: ("The body is too large.", {}),
    414: ("The address is too long.", {}),
    415: ("The body is not application/json.", {}),
    422: ("Something in the request does not fit; `errors` names each field.", {}),
    428: ("If-Match is missing, or `*`.", {}),
    429: ("Too many requests at once or in a short time.", WAIT),
    431: ("The head of the request is too large.", {}),
    500: ("A fault of ours; the correlation id leads to it.", {}),
    503: ("The store or the process is busy or away.", WAIT),
}
ANYWHERE = (408, 414, 422, 429, 431, 500, 503)
"""422, since a hidden character can stand in any address, and a query can hold what nobody knows."""
IF_MATCH = "if-match"


def complete(operation: dict[str, Any], route: DeclaredRoute) -> None:
    """Say it in an operation that FastAPI has described."""
    operation["x-permission"] = route.declared
    if route.declared != PUBLIC:
        operation["security"] = [{"bearer": []}]
    if route.method == "POST":
        operation.setdefault("parameters", []).append(_key(route))
    for parameter in operation.get("parameters", ()):
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


def refusals() -> dict[str, Any]:
    """The components that operations refer to."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        str(status): {
            "description": description,
            "content": content,
            **({"headers": headers} if headers else {}),
        }
        for status, (description, headers) in REFUSED.items()
    }


def _key(route: DeclaredRoute) -> dict[str, Any]:
    return {
        "name": KEY_HEADER,
        "in": "header",
        "required": True,
        "description": "A new one for each new intention; the same one when the request is repeated.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 128,
            "pattern": KEY_PATTERN,
            "not": {"pattern": NIK_PATTERN},
        },
        # One of its own for each operation: the same key on two of them would be refused.
        "example": str(uuid5(NAMESPACE_URL, f"{route.method} {route.path}")),
    }


def _good(responses: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (answer for status, answer in responses.items() if status.startswith("2"))


def _complete_good(answer: dict[str, Any], route: DeclaredRoute) -> None:
    headers: dict[str, Any] = {}
    if route.answers_version:
        headers |= ETAG
    if route.method == "POST":
        headers |= REPEATED
    if headers:
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
    if route.method == "POST":
        yield 400
    if route.method != "GET" and route.declared == PUBLIC:
        yield 413
    if "requestBody" in operation:
        yield from (400, 413, 415)
    if any(one["name"].lower() == IF_MATCH for one in operation.get("parameters", ())):
        yield from (412, 428)
