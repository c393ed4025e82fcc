"""Prometheus metrics of the process, on `/metrics`, and what every request adds to them."""

from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response

REQUESTS = Counter("gerai_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "gerai_http_request_seconds",
    "Time from request to answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1, 3, 10),
)
_requests: dict[tuple[str, str, int], Counter] = {}
_seconds: dict[tuple[str, str], Histogram] = {}


def count(method: str, route: str, status: int, seconds: float) -> None:
    """`route` is the template, so the number of series is bounded. Looking a series up costs more than counting."""
    counter = _requests.get((method, route, status))
    if counter is None:
        counter = _requests[method, route, status] = REQUESTS.labels(method, route, status)
        _seconds[method, route] = SECONDS.labels(method, route)
    counter.inc()
    _seconds[method, route].observe(seconds)


async def page(_: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
