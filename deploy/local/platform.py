"""The platform as one object: its parts are started together, in the right order, and stopped together."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from local import issuer, kafka, mongodb, otlp_bridge, places, warm, zipkin
from local.failure import UnableToStart
from local.plan import Addresses, Plan, operators_of
from local.ports import HOST
from local.probes import answers_ok
from local.supervisor import Program, Supervised, Supervisor
from local.tokens import TENANT, Issuer

LOADING_AT_ONCE = (os.cpu_count() or 2) + 1
"""Processes of services. All at once would take the processors from each other, and nobody would get a number before the
last is there: so the first services are ready as early with five services as with three."""


@asynccontextmanager
async def running(
    *,
    profile: str,
    data_dir: Path | None = None,
    ports: Mapping[str, int] | None = None,
    services: Sequence[str] = (),
    replicas: Mapping[str, int] | None = None,
    env: Mapping[str, str] | None = None,
    mongodb_uri: str | None = None,
    kafka_bootstrap: str | None = None,
    use_given: bool = True,
    start_mongodb: bool = True,
    start_kafka: bool = True,
    traces: bool = False,
    test_commands: bool = False,
    prepare_java: bool = False,
) -> AsyncIterator["Platform"]:
    """A platform that runs as long as the block does.

    Without `services` there is only infrastructure. Ports that are not given are free ones. Processes are named
    `queue`, `queue-2`, `queue-worker`, …; `replicas={"queue": 4}` says how many of a kind.
    `env` is set for every service process. MongoDB and Kafka: the ones given here, or else (with `use_given`) by
    `MONGODB_URI` and `KAFKA_BOOTSTRAP`, or else started. `prepare_java` spends some seconds once to make later starts
    faster. When a part dies, the block is cancelled and `ProcessDied` raised.
    """
    plan = Plan(
        directory=data_dir or places.data_dir(profile),
        services=tuple(services),
        replicas=replicas or {},
        ports=ports or {},
        env=env or {},
        mongodb_uri=mongodb_uri or (mongodb.given_uri() if use_given else None),
        kafka_bootstrap=kafka_bootstrap or (kafka.given_bootstrap() if use_given else None),
        mongodb=start_mongodb,
        kafka=start_kafka,
        traces=traces,
        test_commands=test_commands,
    )
    async with Supervisor(plan.directory) as supervisor:
        plan.require_free_ports()
        if prepare_java:
            wanted = {"kafka": plan.starts_kafka, "zipkin": plan.traces}
            await warm.prepare(*(bundle for bundle in wanted if wanted[bundle]))
        platform = Platform(plan, supervisor)
        await platform.start()
        yield platform


async def in_turns(steps: Sequence[Callable[[], Awaitable[None]]], at_once: int) -> None:
    """Take the steps in their order, so many of them at once. Raises ExceptionGroup where some fail; the rest is cancelled."""
    turns = asyncio.Semaphore(at_once)

    async def take(step: Callable[[], Awaitable[None]]) -> None:
        async with turns:
            await step()

    async with asyncio.TaskGroup() as group:
        for step in steps:
            group.create_task(take(step))


class Platform:
    """Addresses, tokens and processes of a platform that runs; `running` makes it."""

    def __init__(self, plan: Plan, supervisor: Supervisor) -> None:
        self._plan = plan
        self._supervisor = supervisor
        self.data_dir = plan.directory
        self.services = plan.services
        self.mongodb_uri = plan.mongodb_uri or (
            mongodb.uri(plan.port("mongodb")) if plan.starts_mongodb else ""
        )
        self.kafka_bootstrap = plan.kafka_bootstrap or (
            kafka.bootstrap(plan.port("kafka")) if plan.starts_kafka else ""
        )
        self.issuer_url = issuer.url(plan.port("issuer"))
        self.zipkin_url = zipkin.url(plan.port("zipkin")) if plan.traces else ""
        self.otlp_endpoint = otlp_bridge.url(plan.port("otlp-bridge")) if plan.traces else ""
        self._issuer = Issuer.at(plan.directory / "issuer", url=self.issuer_url)

    @property
    def registry_url(self) -> str:
        return self.url("registry")

    @property
    def queue_url(self) -> str:
        return self.url("queue")

    def url(self, process: str) -> str:
        """The address of one process: `queue`, `queue-2`, `queue-worker`."""
        return f"http://{HOST}:{self._plan.port(process)}"

    def operators_url(self, process: str) -> str:
        """Where a process answers its operators: `/health/…`, `/metrics`, `/docs`, `/openapi.json`."""
        return self.url(operators_of(process))

    def urls(self, service: str) -> list[str]:
        """The addresses of all API processes of a service."""
        return [
            self.url(name) for name, of, role in self._plan.processes() if of == service and role == "api"
        ]

    def token(
        self,
        *roles: str,
        tenant: str = TENANT,
        subject: str | None = None,
        ttl: timedelta = timedelta(hours=12),
    ) -> str:
        """A bearer token for one or more roles."""
        return self._issuer.mint(*roles, tenant=tenant, subject=subject, ttl=ttl)

    def process(self, name: str) -> Supervised:
        """`mongodb`, `kafka`, `queue`, `queue-worker-2`, …: to look at, kill, stop, start and restart."""
        return self._supervisor[name]

    @property
    def processes(self) -> tuple[Supervised, ...]:
        return self._supervisor.children

    async def traces_ready(self) -> None:
        """Zipkin starts last, and `running` doesn't wait for it; who shows or queries traces does that here."""
        if self._plan.traces:
            await self.process("zipkin").wait_ready()

    async def start(self) -> None:
        """Infrastructure side by side, then what answers people, then the workers, each by the services' numbers."""
        try:
            infrastructure = (self._start_mongodb, self._start_kafka, self._start_small_parts)
            await in_turns(infrastructure, at_once=len(infrastructure))
            for stage in ("api", "worker"):
                programs = [
                    self._plan.service_program(name, service, role, self._addresses())
                    for name, service, role in self._plan.processes()
                    if role == stage
                ]
                starts = [self._supervisor.add(program).start for program in programs]
                await in_turns(starts, at_once=LOADING_AT_ONCE)
        except* UnableToStart as failures:
            raise failures.exceptions[0] from None
        await self._start_zipkin()
        self._write_addresses()

    def _addresses(self) -> Addresses:
        return Addresses(
            mongodb_uri=self.mongodb_uri,
            kafka_bootstrap=self.kafka_bootstrap,
            issuer_url=self.issuer_url,
            otlp_endpoint=self.otlp_endpoint,
        )

    async def _start_mongodb(self) -> None:
        if self._plan.starts_mongodb:
            directory = self.data_dir / "mongodb"
            port = self._plan.port("mongodb")
            program = mongodb.program(directory=directory, port=port, test_commands=self._plan.test_commands)
            await self._supervisor.add(program).start()
        elif self._plan.mongodb:
            await mongodb.require_answer(self.mongodb_uri)

    async def _start_kafka(self) -> None:
        if self._plan.starts_kafka:
            program = await kafka.program(
                directory=self.data_dir / "kafka",
                port=self._plan.port("kafka"),
                controller_port=self._plan.port("kafka-controller"),
            )
            await self._supervisor.add(program).start()
        elif self._plan.kafka:
            await kafka.require_answer(self.kafka_bootstrap)

    async def _start_zipkin(self) -> None:
        """After the services, since it would take half of their processors for seconds."""
        if self._plan.traces:
            program = await zipkin.program(directory=self.data_dir / "zipkin", port=self._plan.port("zipkin"))
            await self._supervisor.add(program).start(wait=False)

    async def _start_small_parts(self) -> None:
        """The issuer and the trace bridge: Python, started before the services that talk to them."""
        parts: list[Supervised] = []
        if self._plan.services:
            directory = str(self.data_dir / "issuer")
            parts.append(
                self._supervisor.add(self._own("issuer", "local.issuer", self.issuer_url, directory))
            )
        if self._plan.traces:
            bridge = self._own("otlp-bridge", "local.otlp_bridge", self.otlp_endpoint, self.zipkin_url)
            parts.append(self._supervisor.add(bridge))
        await asyncio.gather(*(part.start() for part in parts))

    def _own(self, name: str, module: str, url: str, *arguments: str) -> Program:
        async def ready() -> bool:
            return await answers_ok(f"{url}/health/ready")

        port = self._plan.port(name)
        return Program(
            name=name,
            argv=(sys.executable, "-m", module, *arguments, str(port)),
            env={"PYTHONPATH": str(places.ROOT / "deploy")},
            port=port,
            layer=1,
            ready=ready,
        )

    def _write_addresses(self) -> None:
        """For `make token` and other tools that look at a platform from outside."""
        state = {
            "mongodb": self.mongodb_uri,
            "kafka": self.kafka_bootstrap,
            "issuer": self.issuer_url,
            "zipkin": self.zipkin_url,
            **{name: self.url(name) for name, _, _ in self._plan.processes()},
            **{operators_of(name): self.operators_url(name) for name, _, _ in self._plan.processes()},
        }
        places.private_file(self.data_dir / "platform.json").write_text(json.dumps(state, indent=2) + "\n")
