"""What to start: which parts, how many of each, on which ports, with which settings."""

import base64
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local import ports
from local.clock import ANCHORS
from local.encryption_keys import encryption_keys
from local.failure import UnableToStart
from local.probes import answers_ok
from local.supervisor import Program
from local.tokens import AUDIENCE

_ROLES = {"": "api", "-worker": "worker"}
# What a developer may set in the shell for all services, and the anchors of a clock; everything else comes from the plan.
_FROM_THE_SHELL = {
    "GERAI_MONGODB_DRIVER": "motor",
    "GERAI_TRACE_RATIO": "1.0",
    "GERAI_CLOCK_SPEED": "1.0",
    "GERAI_LOG_LEVEL": "INFO",
}


def operators_of(process: str) -> str:
    """The name of a process's second port, where health, metrics and the API's description are."""
    return f"{process}-operators"


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where a service finds the other parts."""

    mongodb_uri: str
    kafka_bootstrap: str
    issuer_url: str
    otlp_endpoint: str
    """Empty: no traces."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One platform. Each service runs as two kinds of processes: `queue` (HTTP) and `queue-worker` (events)."""

    directory: Path
    services: tuple[str, ...]
    replicas: Mapping[str, int]
    ports: Mapping[str, int]
    env: Mapping[str, str]
    mongodb_uri: str | None
    """None: start one."""
    kafka_bootstrap: str | None
    mongodb: bool = True
    kafka: bool = True
    traces: bool = False
    test_commands: bool = False
    ticket_key: str = field(default_factory=lambda: base64.b64encode(os.urandom(32)).decode())
    """Of all replicas: what one seals another opens."""
    _allotted: dict[str, int] = field(default_factory=dict)

    @property
    def starts_mongodb(self) -> bool:
        return self.mongodb and self.mongodb_uri is None

    @property
    def starts_kafka(self) -> bool:
        return self.kafka and self.kafka_bootstrap is None

    def processes(self) -> Iterator[tuple[str, str, str]]:
        """Name, service and role of each service process: `queue-worker-2`, `queue`, `worker`."""
        for service in self.services:
            for suffix, role in _ROLES.items():
                kind = service + suffix
                for number in range(1, self.replicas.get(kind, 1) + 1):
                    yield (kind if number == 1 else f"{kind}-{number}"), service, role

    def names(self) -> list[str]:
        """Everything that needs a port."""
        infrastructure = {
            "mongodb": self.starts_mongodb,
            "kafka": self.starts_kafka,
            "kafka-controller": self.starts_kafka,
            "zipkin": self.traces,
            "otlp-bridge": self.traces,
            "issuer": True,
        }
        services = [name for name, _, _ in self.processes()]
        return [
            *(name for name, wanted in infrastructure.items() if wanted),
            *services,
            *(operators_of(name) for name in services),
        ]

    def port(self, name: str) -> int:
        """Its port. Free ports are picked once, all together, when the first is asked for."""
        if not self._allotted:
            names = self.names()
            chosen = {name: self.ports.get(name, 0) for name in names}
            free = iter(ports.free_ports(sum(port == 0 for port in chosen.values())))
            self._allotted.update({name: port or next(free) for name, port in chosen.items()})
        return self._allotted[name]

    def require_free_ports(self) -> None:
        taken: dict[int, str] = {}
        for name in self.names():
            port = self.port(name)
            if port in taken:
                raise UnableToStart(
                    f"{taken[port]} and {name} both want port {port}: move one with {ports.variable(name)}=…"
                )
            taken[port] = name
            ports.require_free(name, port)

    def service_program(self, name: str, service: str, role: str, addresses: Addresses) -> Program:
        """One service process, told by its environment all it has to know."""
        port = self.port(name)
        env = {key: os.environ.get(key, default) for key, default in _FROM_THE_SHELL.items()}
        env |= {key: os.environ[key] for key in ANCHORS if os.environ.get(key)}
        env |= {
            "GERAI_ROLES": role,
            "GERAI_HTTP_HOST": ports.HOST,
            "GERAI_HTTP_PORT": str(port),
            "GERAI_OPERATOR_HOST": ports.HOST,
            "GERAI_OPERATOR_PORT": str(self.port(operators_of(name))),
            "GERAI_ENVIRONMENT": "development",
            "GERAI_MONGODB_URI": addresses.mongodb_uri,
            "GERAI_MONGODB_DATABASE": service,
            "GERAI_KAFKA_BOOTSTRAP": addresses.kafka_bootstrap,
            "GERAI_OTLP_ENDPOINT": addresses.otlp_endpoint,
            "GERAI_ISSUER": addresses.issuer_url,
            "GERAI_AUDIENCE": AUDIENCE,
            "GERAI_JWKS_URL": f"{addresses.issuer_url}/jwks.json",
            "GERAI_STREAM_TICKET_KEYS": self.ticket_key,
            "GERAI_ENCRYPTION_KEYS": str(encryption_keys(self.directory)),
        }

        async def ready() -> bool:
            return await answers_ok(f"http://{ports.HOST}:{port}/health/ready")

        return Program(
            name=name,
            argv=(sys.executable, "-m", f"gerai.{service}"),
            env=env | dict(self.env),
            port=port,
            layer=2,
            ready=ready,
            ready_seconds=90,
            stop_seconds=20,
        )
