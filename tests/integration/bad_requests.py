"""Requests that have to be refused: every line of what a front door must stand, with the answer it has to give."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.integration.register import SITE

TICKETS = "/v1/tickets"
RTL = "\u202e"


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A request that has to be refused."""

    what: str
    status: int
    code: str
    service: str = "queue"
    method: str = "POST"
    path: str = TICKETS
    body: bytes | Any = field(default_factory=lambda: {"service_id": "kios-nomor"})
    roles: tuple[str, ...] = ("admin",)
    headers: Mapping[str, str] = field(default_factory=dict)
    field_named: str | None = None

    @property
    def content(self) -> bytes | None:
        if self.body is None or isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body).encode()


def a_site(**changed: Any) -> dict[str, Any]:
    return {"id": "baru", "name": "MPP Baru", "zone": "Asia/Makassar", "address": "Jalan 1", **changed}


REGISTRY = {"service": "registry", "path": "/v1/sites"}
BODIES = (
    Bad(what="malformed JSON", status=400, code="malformed_json", body=b'{"service_id": '),
    Bad(what="no JSON at all", status=400, code="malformed_json", body=b"\x00\xff\xfe"),
    Bad(what="an empty body", status=422, code="missing", body=b""),
    Bad(what="a list for an object", status=422, code="invalid", body=[]),
    Bad(
        what="an unknown field",
        status=422,
        code="unknown_field",
        body={"service_id": "kios-nomor", "nik": "7413"},
        field_named="nik",
    ),
    Bad(what="a wrong type", status=422, code="invalid", body={"service_id": 7}, field_named="service_id"),
    Bad(what="a missing field", status=422, code="missing", body={}, field_named="service_id"),
    Bad(
        what="an unknown choice",
        status=422,
        code="invalid",
        body={"service_id": "kios-nomor", "priority_reason": "rich"},
        field_named="priority_reason",
    ),
    Bad(what="10 MB", status=413, code="body_too_large", body=b'{"a": "' + b"x" * 10_000_000 + b'"}'),
    Bad(what="deep nesting", status=400, code="malformed_json", body=b"[" * 20_000),
    Bad(what="a NaN", status=400, code="malformed_json", body=b'{"service_id": NaN}'),
    Bad(
        what="NUL in a name",
        status=422,
        code="hidden_character",
        body=a_site(name="MPP\u0000Baru"),
        field_named="name",
        **REGISTRY,
    ),
    Bad(
        what="RTL override in a name",
        status=422,
        code="hidden_character",
        body=a_site(name=f"MPP {RTL}uraB"),
        field_named="name",
        **REGISTRY,
    ),
    Bad(
        what="an id with a path in it",
        status=422,
        code="invalid",
        body=a_site(id="../etc"),
        field_named="id",
        **REGISTRY,
    ),
    Bad(
        what="a page of a million",
        status=422,
        code="invalid",
        method="GET",
        body=None,
        field_named="limit",
        **{**REGISTRY, "path": "/v1/sites?limit=1000000"},
    ),
    Bad(
        what="a broken cursor",
        status=422,
        code="invalid",
        method="GET",
        body=None,
        field_named="cursor",
        **{**REGISTRY, "path": "/v1/sites?cursor=%21%21"},
    ),
    Bad(
        what="NUL in a path",
        status=422,
        code="hidden_character",
        method="GET",
        path="/v1/tickets/a%00b",
        body=None,
    ),
    Bad(what="no such address", status=404, code="not_found", path="/v1/nothing"),
    Bad(what="no such method", status=405, code="method_not_allowed", method="PUT", path="/v1/tickets"),
)
RIGHTS = (
    Bad(what="no token", status=401, code="unauthenticated", roles=()),
    Bad(what="a missing role", status=403, code="forbidden", roles=("display",)),
    Bad(
        what="another regency's service",
        status=404,
        code="not_found",
        body={"service_id": "lain-satu"},
    ),
    Bad(
        what="another regency's desk",
        status=404,
        code="not_found",
        path="/v1/desks/lain-gerai-1/open",
        body=None,
    ),
    Bad(
        what="another regency's site",
        status=404,
        code="not_found",
        method="GET",
        body=None,
        **{**REGISTRY, "path": "/v1/sites/lain-mpp"},
    ),
    Bad(
        what="a guessed link",
        status=404,
        code="not_found",
        method="GET",
        path="/v1/visits/" + "a" * 36 + "." + "a" * 22,
        body=None,
        roles=(),
    ),
)
STATES = (
    Bad(what="a closed date", status=409, code="date_closed", body={"service_id": "tutup-tanggal"}),
    Bad(what="a closed desk", status=409, code="desk_closed", path="/v1/desks/tutup-2/call-next", body=None),
    Bad(
        what="no If-Match",
        status=428,
        code="precondition_required",
        method="PUT",
        path=f"/v1/sites/{SITE}/rules",
        body={},
    ),
    Bad(
        what="a stale If-Match",
        status=412,
        code="stale_version",
        method="PUT",
        path=f"/v1/sites/{SITE}/rules",
        body={},
        headers={"if-match": '"99"'},
    ),
    Bad(
        what="a stale If-Match in the register",
        status=412,
        code="stale_version",
        method="PUT",
        body={"name": "X", "zone": "Asia/Makassar", "address": "Y"},
        headers={"if-match": '"99"'},
        **{**REGISTRY, "path": f"/v1/sites/{SITE}"},
    ),
)
ALL = (*BODIES, *RIGHTS, *STATES)
