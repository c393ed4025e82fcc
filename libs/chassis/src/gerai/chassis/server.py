"""The web side of a process: the application with all its layers, and the server around it."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from functools import partial

import uvicorn
from fastapi import FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from gerai.chassis import docs, metrics, problems
from gerai.chassis.addresses import Proxies
from gerai.chassis.admission import Admission, AdmissionLimits
from gerai.chassis.auth import Authenticator
from gerai.chassis.connection import Connection
from gerai.chassis.connections import Connections, Limits, places
from gerai.chassis.edge import Edge
from gerai.chassis.health import Health
from gerai.chassis.keys import Keys, fetch_from
from gerai.chassis.routes import DeclaredRoute, install
from gerai.chassis.service_context import Components, Service, ServiceContext
from gerai.chassis.settings import KEY_BYTES, Environment, MissingSetting, Role, Settings, ticket_keys
from gerai.chassis.stream_places import Places
from gerai.chassis.stream_tickets import StreamTickets
from gerai.chassis.uploads import AT_ONCE

BACKLOG = 256
"""Connections that the system keeps for us. All that wait are accepted in one turn of the loop, so it is no longer than
that; who finds it full is tried again by his own system a second later."""
KEEP_ALIVE_S = 75
SWEEP_TICKS = 10
OPERATORS_LIMITS = Limits(connections=64, strangers=64, strangers_per_address=64)


class Application(FastAPI):
    """FastAPI with the layers that a request needs. `Edge` stands before it, bounds bodies, traces, and answers for what
    nobody has caught: what Starlette and FastAPI put around for the same would be gone through with each message."""

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(AsyncExitStackMiddleware(self.router), handlers=self.exception_handlers)


class OperatorsSide(Starlette):
    """The same of what operators reach."""

    def build_middleware_stack(self) -> ASGIApp:
        return ExceptionMiddleware(self.router, handlers=self.exception_handlers)


def application(service: Service, service_context: ServiceContext, components: Components) -> FastAPI:
    """What everybody may reach: health always, the service's routes in the API role. Raises UndeclaredRoute,
    MissingSetting.

    FastAPI's own telemetry is off: it would write paths and queries, so visitors' links, into spans.
    """
    app = Application(
        title=service.title,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    settings: Settings = service_context.settings
    app.state.service_context = service_context
    app.state.strict = settings.environment is Environment.DEVELOPMENT
    app.state.rules = service.rules
    app.state.authenticator = Authenticator(
        Keys(fetch_from(settings.jwks_url)),
        issuer=settings.issuer,
        audience=settings.audience,
        longest_life_s=settings.token_longest_seconds,
    )
    app.state.admission = Admission(_admission_limits(settings), _proxies(settings))
    service_context.health.require(app.state.admission.require_room)
    app.router.routes.extend(service_context.health.routes())
    app.state.upload_places = Places("uploads", AT_ONCE)
    if Role.API in settings.roles:
        install(app, components.routes)
        app.state.stream_tickets = StreamTickets(_ticket_keys(app, settings))
    problems.install(app)
    app.openapi = lambda: docs.describe(app)  # type: ignore[method-assign]
    return app


def _ticket_keys(app: FastAPI, settings: Settings) -> list[bytes]:
    """Raises MissingSetting."""
    keys = ticket_keys(settings.stream_ticket_keys.get_secret_value())
    wanted = any(isinstance(route, DeclaredRoute) and route.takes_ticket for route in app.router.routes)
    if wanted and not keys and settings.environment is Environment.PRODUCTION:
        raise MissingSetting("GERAI_STREAM_TICKET_KEYS: tickets for streams must open on every replica")
    return keys or [os.urandom(KEY_BYTES)]


def _proxies(settings: Settings) -> Proxies:
    return Proxies(settings.trusted_proxies, header=settings.client_address_header)


def _admission_limits(settings: Settings) -> AdmissionLimits:
    at_once = settings.requests_at_once
    return AdmissionLimits(
        strangers_at_once=settings.strangers_at_once,
        at_once=at_once,
        at_once_per_regency=max(1, at_once // 2),
        at_once_per_subject=max(1, at_once // 4),
        rate_per_address=settings.rate_per_address,
        failed_logins_per_address=settings.failed_logins_per_address,
        rate_per_subject=settings.rate_per_subject,
        rate_per_regency=settings.rate_per_regency,
    )


def operators(app: FastAPI) -> Starlette:
    """What the operators' listener serves: metrics, the description of the API in processes that have one, and the
    application itself, so that the documentation page can try requests out where it was loaded from."""
    settings: Settings = app.state.service_context.settings
    described = docs.routes(app) if Role.API in settings.roles else []
    inner = OperatorsSide(routes=[Route("/metrics", metrics.page), *described, Mount("", app)])
    problems.install(inner)
    return inner


def listeners_of(service: Service, app: FastAPI, health: Health, *, finish_s: float) -> "Listeners":
    """Both of a process, with the edge around what each of them serves."""
    settings: Settings = app.state.service_context.settings
    connections = Connections(_public_limits(settings), proxies=_proxies(settings))
    health.require(connections.require_room)
    public, private = (
        Server(
            Edge(served, health=health, admission=admission),
            those,
            finish_s=finish_s,
        )
        for served, those, admission in (
            (app, connections, app.state.admission),
            (operators(app), Connections(OPERATORS_LIMITS, listener="operators"), None),
        )
    )
    return Listeners(public, private, health)


def _public_limits(settings: Settings) -> Limits:
    connections = places(settings.connections, beside=OPERATORS_LIMITS.connections)
    strangers = connections // 2
    return Limits(
        connections=connections,
        strangers=strangers,
        strangers_per_address=min(strangers, settings.connections_per_address),
    )


def listening(host: str, port: int) -> socket.socket:
    """The process's port, taken before anything else begins. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((host, port))
    except OSError:
        taken.close()
        raise
    return taken


class Server(uvicorn.Server):
    """One listener and its connections. Signals are the business of `Listeners`."""

    def __init__(self, app: ASGIApp, connections: Connections, *, finish_s: float) -> None:
        self._connections = connections
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(Connection, connections),  # type: ignore[arg-type]
                ws="none",
                loop="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level="error",  # what strangers do wrong is counted, not logged
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=max(1, int(finish_s)),
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's own clock, ten times a second."""
        if counter % SWEEP_TICKS == 0:
            self._connections.sweep(time.monotonic())
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def ask_to_stop(self) -> None:
        """Once: finish what was accepted. Twice: leave it."""
        self.force_exit = self.should_exit
        self.should_exit = True


class Listeners:
    """The public listener and the operators', which answers for as long as the public one does. We handle signals
    ourselves: background work must stop after the last request, not before."""

    def __init__(self, public: Server, operators: Server, health: Health) -> None:
        self._public = public
        self._operators = operators
        self._health = health

    async def serve(self, public: socket.socket, operators: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.ask_to_stop)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._operators.serve(sockets=[operators]))
            try:
                await self._public.serve(sockets=[public])
            finally:
                self._operators.ask_to_stop()

    def ask_to_stop(self) -> None:
        """Once: finish what was accepted. Twice: leave it."""
        self._health.stop()
        self._public.ask_to_stop()
