"""How the OpenAPI document lists refusals: each status with its codes, and a whole answer for each code in Indonesian and
in English."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gerai.chassis.localized_texts import SENTENCES
from gerai.chassis.problems import STATUS, body_of, details_of
from gerai.messaging.refusal import LocalizedText, Refusal

WAIT = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
TAKES = {"Accept": {"description": "What is taken.", "schema": {"type": "string"}}}
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
HOUSE: dict[int, tuple[str, ...]] = {
    400: (
        "malformed_request",
        "malformed_json",
        "idempotency_key_required",
        "idempotency_key_malformed",
        "idempotency_key_personal",
    ),
    401: ("unauthenticated", "invalid_token"),
    403: ("forbidden",),
    404: ("not_found",),
    408: ("request_timeout",),
    412: ("stale_version",),
    413: ("body_too_large",),
    414: ("uri_too_long",),
    415: ("unsupported_media_type",),
    422: ("invalid", "missing", "unknown_field", "repeated", "hidden_character", "line_break"),
    428: ("precondition_required",),
    429: ("too_many_requests",),
    431: ("headers_too_large",),
    500: ("internal",),
    503: ("busy", "newer_version"),
}
"""The codes of the chassis. What use cases refuse by stands at their routes."""
OF_UPLOADS = ("file_name_malformed",)
"""Codes of 422 beside those, where the body is a stream."""
OF_TICKETS = ("invalid_ticket",)
"""Codes of 401 beside those, where a stream ticket is taken."""
UNREAD = (400, 408, 414, 431)
"""Answers to requests that may not have been read, so that they may have no ids."""
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
LANGUAGES = {"id": "Bahasa Indonesia", "en": "English"}

Examples = dict[str, dict[str, Any]]
"""Whole answers by code and language: "desk_busy.en"."""


def answers(
    house: Collection[int],
    declared: Iterable[type[Refusal]],
    own: Mapping[int, Mapping[str, LocalizedText]],
) -> dict[str, Any]:
    """An operation's refusals, by status. `house`: those statuses of the chassis that can be; `own`: codes with their
    sentences that are neither the chassis' nor a refusal's."""
    more: dict[int, Examples] = defaultdict(dict)
    for status, sentences in own.items():
        for code, sentence in sentences.items():
            more[status] |= _spoken(
                code, {name: body_of(status, code, text) for name, text in _both(sentence)}
            )
    for kind in declared:
        for refusal in kind.examples():
            more[STATUS[kind.kind]] |= _spoken(refusal.code, _bodies(refusal))
    return {
        str(status): _answer(status, (_of_house(status) if status in house else {}) | more[status])
        if more[status]
        else {"$ref": f"#/components/responses/{status}"}
        for status in sorted({*house, *more})
    }


def of_house() -> dict[str, Any]:
    """The components that operations refer to."""
    return {str(status): _answer(status, _of_house(status)) for status in HOUSE}


def told_anywhere(*, required: bool) -> dict[str, Any]:
    return {name: {**header, "required": required} for name, header in TOLD.items()}


def _answer(status: int, examples: Examples) -> dict[str, Any]:
    description, headers = REFUSED[status]
    codes = sorted({example["value"]["code"] for example in examples.values()})
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Problem"},
            {"properties": {"status": {"const": status}, "code": {"enum": codes}}},
        ]
    }
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema, "examples": examples}},
        "headers": {**told_anywhere(required=status not in UNREAD), **SPOKEN, **headers},
    }


def _of_house(status: int) -> Examples:
    found: Examples = {}
    for code in HOUSE[status]:
        found |= _spoken(code, {name: body_of(status, code, text) for name, text in _both(SENTENCES[code])})
    return found


def _bodies(refusal: Refusal) -> dict[str, dict[str, Any]]:
    details = details_of(refusal)
    return {
        name: {
            **body_of(STATUS[refusal.kind], refusal.code, refusal.text(name), refusal.field),
            **({"details": details} if details else {}),
        }
        for name in LANGUAGES
    }


def _spoken(code: str, bodies: Mapping[str, dict[str, Any]]) -> Examples:
    return {f"{code}.{name}": {"summary": LANGUAGES[name], "value": body} for name, body in bodies.items()}


def _both(sentence: LocalizedText) -> Iterable[tuple[str, str]]:
    return ((name, sentence.in_language(name)) for name in LANGUAGES)
