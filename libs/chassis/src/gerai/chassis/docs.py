"""The OpenAPI page, served from the service itself: it works without the internet, and its examples are filled in."""

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from gerai.chassis import contract, refusals
from gerai.chassis.problems import SCHEMA
from gerai.chassis.routes import DeclaredRoute
from gerai.chassis.stream_tickets import PARAMETER

ASSETS = str(files("fastapi_swagger") / "resources")
"""Swagger UI's own files. The package is used for nothing else: what it adds to an application is not ours."""
PAGE = """<!doctype html>
<html lang="id"><head><meta charset="utf-8"><title>{title}</title>
<link rel="icon" href="/docs/assets/favicon-32x32.png">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script></body></html>"""

START = (
    'window.onload = () => { window.ui = SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui" }) }'
)
POLICY = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'none'"
}
BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "A token of the issuer; locally `make token ROLE=officer`.",
}
STREAM_TICKET = {
    "type": "apiKey",
    "in": "query",
    "name": PARAMETER,
    "description": "For a browser's EventSource, which cannot send a header: opens one stream, once, within a minute.",
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.router.routes)
        components = document.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        schemas["Problem"] = SCHEMA
        for own in ("HTTPValidationError", "ValidationError"):  # FastAPI's, which we never answer
            schemas.pop(own, None)
        components["responses"] = refusals.of_house()
        components["securitySchemes"] = {"bearer": BEARER, "streamTicket": STREAM_TICKET}
        for route in app.router.routes:
            if isinstance(route, DeclaredRoute):
                operation = document["paths"][route.path][route.method.lower()]
                contract.complete(operation, route, rules=app.state.rules)
        for place in _inputs(document):
            _show_example(place, document["components"]["schemas"])
        app.openapi_schema = document
    return app.openapi_schema


def _inputs(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Everything that a client fills in: parameters and bodies."""
    for path in document["paths"].values():
        for operation in path.values():
            yield from operation.get("parameters", ())
            yield from operation.get("requestBody", {}).get("content", {}).values()


def _show_example(place: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Put the one example where the page looks for it, wherever it was stated: here, in the schema, in the model."""
    if named := place.pop("examples", None):
        place["example"] = next(iter(named.values()))["value"]
        return
    schema = place.get("schema", {})
    for one in (schema, *schema.get("anyOf", ())):
        known = schemas.get(str(one.get("$ref", "")).rpartition("/")[2], one)
        if known.get("examples"):
            place.setdefault("example", known["examples"][0])


def routes(app: FastAPI) -> list[BaseRoute]:
    """`/docs` and `/openapi.json` of an application, for the operators' listener: the page calls the API where it
    was loaded from, and the public listener shows neither."""
    page, start = PAGE.format(title=app.title), START

    async def docs(_: Request) -> Response:
        return HTMLResponse(page, headers=POLICY)

    async def script(_: Request) -> Response:
        return Response(start, media_type="text/javascript")

    async def document(_: Request) -> Response:
        return JSONResponse(app.openapi())

    return [
        Route("/openapi.json", document),
        Route("/docs", docs),
        Route("/docs/start.js", script),
        Mount("/docs/assets", StaticFiles(directory=ASSETS)),
    ]
