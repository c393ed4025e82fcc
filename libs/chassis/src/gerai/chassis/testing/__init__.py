"""What the tests of every service need. Nothing that runs in production imports it, and it needs no package that a
service does not need: the fixtures are in the tests' own conftest.py."""

from gerai.chassis.testing.clock import SetClock
from gerai.chassis.testing.contexts import AUDIENCE, ISSUER, NOWHERE, assembled, context_of, settings_of
from gerai.chassis.testing.databases import own_database
from gerai.chassis.testing.delivery import deliver, envelope, record
from gerai.chassis.testing.front_door import Client, Door
from gerai.chassis.testing.issuer import Issuer
from gerai.chassis.testing.ledger import Subscriber, promised, read_records, read_topic
from gerai.chassis.testing.processes import ServiceProcess, free_port, service_process
from gerai.chassis.testing.waiting import eventually

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "NOWHERE",
    "Client",
    "Door",
    "Issuer",
    "ServiceProcess",
    "SetClock",
    "Subscriber",
    "assembled",
    "context_of",
    "deliver",
    "envelope",
    "eventually",
    "free_port",
    "own_database",
    "promised",
    "read_records",
    "read_topic",
    "record",
    "service_process",
    "settings_of",
]
