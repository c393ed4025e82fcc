"""The OpenAPI page, served from the service itself: it works without the internet."""

from fastapi import FastAPI
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from swagger_ui_bundle import swagger_ui_path

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


def install(app: FastAPI) -> None:
    """Add `/docs`; `/openapi.json` is FastAPI's own."""
    page, start = (
        HTMLResponse(PAGE.format(title=app.title)),
        HTMLResponse(START, media_type="text/javascript"),
    )

    async def docs() -> HTMLResponse:
        return page

    async def script() -> HTMLResponse:
        return start

    described = {"include_in_schema": False, "openapi_extra": {"x-permission": "public"}}
    app.add_api_route("/docs", docs, response_class=HTMLResponse, **described)  # type: ignore[arg-type]
    app.add_api_route("/docs/start.js", script, response_class=HTMLResponse, **described)  # type: ignore[arg-type]
    app.mount("/docs/assets", StaticFiles(directory=swagger_ui_path))
