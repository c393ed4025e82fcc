"""The OpenAPI page, served from the service itself: it works without the internet."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

from gerai.chassis.problems import SCHEMA

PAGE = """<!doctype html>
<html lang="id"><head><meta charset="utf-8"><title>{title}</title>
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script>
<script src="/docs/assets/swagger-ui-standalone-preset.js"></script>
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


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.router.routes)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = SCHEMA
        components["securitySchemes"] = {"bearer": BEARER}
        app.openapi_schema = document
    return app.openapi_schema


def install(app: FastAPI) -> None:
    """Add `/docs`; `/openapi.json` is FastAPI's own route with our description."""
    page, start = PAGE.format(title=app.title), START

    async def docs(_: Request) -> Response:
        return HTMLResponse(page, headers=POLICY)

    async def script(_: Request) -> Response:
        return Response(start, media_type="text/javascript")

    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    app.add_route("/docs", docs)
    app.add_route("/docs/start.js", script)
    app.mount("/docs/assets", StaticFiles(directory=swagger_ui_path))
