"""Ports on the loopback address: the defaults of `make up`, free ones for tests, and a clear refusal."""

import os
import random
import socket

from local.failure import UnableToStart
from local.services import service_folders

HOST = "127.0.0.1"

PARTS: dict[str, int] = {
    "issuer": 8100,
    "mongodb": 27027,
    "kafka": 9192,
    "kafka-controller": 9193,
    "zipkin": 9411,
    "otlp-bridge": 4318,
}


def defaults() -> dict[str, int]:
    """Process or part → its port: those of a service follow from the service's number."""
    return PARTS | {name: port for service in service_folders() for name, port in service.ports().items()}


def variable(name: str) -> str:
    """The environment variable that moves a port: `queue-worker` → `GERAI_PORT_QUEUE_WORKER`."""
    return "GERAI_PORT_" + name.upper().replace("-", "_")


def configured() -> dict[str, int]:
    """The default ports, each replaced by its environment variable where that is set."""
    ports = {}
    for name, default in defaults().items():
        text = os.environ.get(variable(name), str(default))
        if not text.isdigit() or not 0 <= int(text) <= 65535:
            raise UnableToStart(f"{variable(name)} is {text!r}, but a port is a number from 0 to 65535.")
        ports[name] = int(text)
    return ports


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, held open together so that none is given twice.

    They lie below the range from which the system takes ports for outgoing connections: a port from that
    range could be gone again by the time a broker wants it.
    """
    choice = _choice()
    found: list[socket.socket] = []
    try:
        for port in random.SystemRandom().sample(choice, len(choice)):
            if len(found) == count:
                break
            sock = socket.socket()
            try:
                sock.bind((HOST, port))
            except OSError:
                sock.close()
            else:
                found.append(sock)
        return [int(sock.getsockname()[1]) for sock in found]
    finally:
        for sock in found:
            sock.close()


def _choice() -> range:
    """`GERAI_FREE_PORTS` (first-last) gives test runs that go on side by side ports of their own: one that is found
    free now is bound some seconds later."""
    first, _, last = os.environ.get("GERAI_FREE_PORTS", "20000-31999").partition("-")
    return range(int(first), int(last) + 1)


def require_free(name: str, port: int) -> None:
    """Say which port is taken, and how to move, before anything is started."""
    with socket.socket() as sock:
        # The same option as servers use: a connection that lingers from our last run is no obstacle.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError as error:
            raise UnableToStart(
                f"Port {port}, meant for {name}, can't be used ({error.strerror}): "
                f"stop what listens there, or choose another with {variable(name)}=…"
            ) from error
