"""The OpenAPI page, served from the service itself: it works without the internet, and its examples are filled in."""

from collections.abc import Iterator
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
OPENAPI = "3.0.3"
"""The page that is packaged for Python draws 3.0 and refuses 3.1; FastAPI writes 3.1."""
VALUES = {"default", "enum", "example", "examples"}
"""Under these names stand values, in which nothing is a schema."""


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, routes=app.router.routes)
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = SCHEMA
        components["securitySchemes"] = {"bearer": BEARER}
        document = {**_as_3_0(document), "openapi": OPENAPI}
        for place in _inputs(document):
            _show_example(place, document["components"]["schemas"])
        app.openapi_schema = document
    return app.openapi_schema


def _as_3_0(node: Any) -> Any:
    """The same in the words of OpenAPI 3.0, which has no type `null`, one example, and nothing beside a reference."""
    if isinstance(node, list):
        return [_as_3_0(one) for one in node]
    if not isinstance(node, dict):
        return node
    said = {name: value if name in VALUES else _as_3_0(value) for name, value in node.items()}
    if isinstance(said.get("examples"), list):
        said["example"] = said.pop("examples")[0]
    if isinstance(said.get("const"), str | int):
        said["enum"] = [said.pop("const")]
    for bound, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if type(said.get(bound)) in (int, float):
            said |= {plain: said[bound], bound: True}
    if isinstance(said.get("anyOf"), list) and {"type": "null"} in said["anyOf"]:
        said["nullable"] = True
        said["anyOf"] = [one for one in said["anyOf"] if one != {"type": "null"}]
        if len(said["anyOf"]) == 1:
            said = {**said.pop("anyOf")[0], **said}
    if isinstance(said.get("$ref"), str) and len(said) > 1:
        said["allOf"] = [{"$ref": said.pop("$ref")}]
    return said


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
    for one in (schema, *schema.get("allOf", ()), *schema.get("anyOf", ())):
        known = schemas.get(str(one.get("$ref", "")).rpartition("/")[2], one)
        if "example" in known:
            place.setdefault("example", known["example"])


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
