"""Records that nobody can use, written to real topics as a careless producer would."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from aiokafka import AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from gerai.chassis.testing import read_records

LARGE = 4 * 1024 * 1024
Headers = Sequence[tuple[str, bytes]]


STRANGE: Headers = [
    ("$where", b"1"),
    ("a.b", b"\xff"),
    ("", b"nameless"),
    ("with a \0 in it", b"hidden"),
    ("twice", b"first"),
    ("twice", b"second"),
    ("dead_reason", b"none of your business"),
]
"""Names that a careless store would trip over."""


@dataclass(frozen=True)
class Poison:
    """A record, and the reason under which it has to be found among the dead letters."""

    name: str
    value: bytes | None
    headers: Headers
    reason: str


def kinds(type: str, good: Headers, body: bytes) -> list[Poison]:
    """Every kind of poison for a topic, from a good record of it."""

    def told(**changed: str) -> Headers:
        return _told(good, **changed)

    stem = type.rpartition(".")[0]
    return [
        Poison("not JSON", b"\xff\xfe{not json", good, "not_json"),
        Poison("a wrong type", body, told(type="registry.castle-built.v1"), "unknown_type"),
        Poison("a future version", body, told(type=f"{stem}.v99"), "future_version"),
        Poison("another shape", b'{"tenant": 7}', good, "invalid_body"),
        Poison("1.5 MB", b'{"padding": "' + b"x" * 1_500_000 + b'"}', good, "too_large"),
        Poison("no headers", body, [], "missing_header"),
        Poison("strange headers", body, STRANGE, "missing_header"),
        Poison("no body", None, good, "no_body"),
        Poison("a foreign source", body, told(source="/gerai/licensing"), "foreign_source"),
        Poison("another subject", body, told(subject="another", partitionkey="another"), "wrong_key"),
    ]


def lies(good: Headers, body: bytes, *, tenant: str) -> list[Poison]:
    """What a thief of its owner's password may say of an entity that a service keeps a copy of."""
    foreign = body.replace(f'"tenant":"{tenant}"'.encode(), b'"tenant":"another"')
    return [
        Poison("another regency", foreign, _told(good, id=str(uuid4())), "tenant_changed"),
        Poison("no version", body, _told(good, id=str(uuid4()), sequence="9" * 12), "implausible_sequence"),
    ]


def _told(good: Headers, **changed: str) -> Headers:
    names = {f"ce_{name}": value.encode() for name, value in changed.items()}
    return [(name, names.get(name, value)) for name, value in good]


async def allow_large(bootstrap: str, topic: str) -> None:
    """The topic takes records that are larger than any of ours."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"max.message.bytes": str(LARGE)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


@asynccontextmanager
async def producer(bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    sender = AIOKafkaProducer(bootstrap_servers=bootstrap, max_request_size=LARGE, acks="all")
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()


@dataclass(frozen=True)
class Found:
    """A record as it lies in a topic."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


async def all_of(bootstrap: str, topic: str) -> list[Found]:
    """Every record of a topic, from its beginning to its present end."""
    found: list[Found] = []

    def take(record: ConsumerRecord) -> None:
        found.append(Found(record.partition, record.key, record.value, dict(record.headers)))

    await read_records(bootstrap, topic, take)
    return found
