"""A real Apache Kafka (KRaft, one node), or the one that `KAFKA_BOOTSTRAP` names."""

import asyncio
import base64
import logging
import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from local import jars
from local.failure import UnableToStart
from local.once import run_once
from local.places import private_file, require_space
from local.ports import HOST
from local.supervisor import Program

_JAVA_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Djava.awt.headless=true",
)
_FORMAT_SECONDS = 60.0


def given_bootstrap() -> str | None:
    return os.environ.get("KAFKA_BOOTSTRAP") or None


def bootstrap(port: int) -> str:
    return f"{HOST}:{port}"


async def program(
    *,
    directory: Path,
    port: int,
    controller_port: int,
    heap_mb: int = 512,
    settings: Mapping[str, str] | None = None,
) -> Program:
    """The broker; its storage is formatted first, where that was not done yet."""
    require_space(directory, 1_000, "Kafka")
    class_path = ":".join(str(path) for path in await jars.obtain("kafka"))
    config = directory / "server.properties"
    lines = _properties(directory, port, controller_port) | dict(settings or {})
    private_file(config).write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    java = (jars.JAVA, *_JAVA_OPTIONS)
    await _format(directory, (*java, "-Xmx128m", "-XX:TieredStopAtLevel=1", "-cp", class_path), config)

    async def ready() -> bool:
        return await _answers(port)

    return Program(
        name="kafka",
        argv=(
            *java,
            *jars.start_options("kafka"),
            f"-Xmx{heap_mb}m",
            "-cp",
            class_path,
            "kafka.Kafka",
            str(config),
        ),
        port=port,
        ready=ready,
        ready_seconds=90,
        stop_seconds=20,
    )


def _properties(directory: Path, port: int, controller_port: int) -> dict[str, str]:
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(directory / "log"),
        "auto.create.topics.enable": "false",
        # One broker can't hold three copies; few partitions of the inner topics make it start faster.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
    }


async def _format(directory: Path, java: tuple[str, ...], config: Path) -> None:
    done = directory / "formatted"
    if done.exists():
        return
    cluster_id = new_cluster_id()
    tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", cluster_id, "-c", str(config))
    code, output = await run_once((*java, *tool), seconds=_FORMAT_SECONDS)
    if code != 0:
        raise UnableToStart(
            f"Kafka's storage can't be formatted in {directory}:\n    {output.strip()[-800:]}"
        )
    private_file(done).write_text(cluster_id)


def new_cluster_id() -> str:
    """An id as Kafka makes them. One with a dash in front would be taken for an option of the tool."""
    while True:
        found = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not found.startswith("-"):
            return found


async def _answers(port: int) -> bool:
    """True once a consumer group can find its coordinator; that comes a second or two after the port opens."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap(port), request_timeout_ms=3_000)
    try:
        await admin.start()
        await admin.find_coordinator("readiness")
        await admin.list_consumer_group_offsets("readiness")
    except KafkaError:
        return False  # how long we wait is bounded by `ready_seconds`
    finally:
        await admin.close()
    return True


async def require_answer(given: str) -> None:
    """Refuse a `KAFKA_BOOTSTRAP` that doesn't answer."""
    admin = AIOKafkaAdminClient(bootstrap_servers=given, request_timeout_ms=5_000)
    log = logging.getLogger("aiokafka")
    level = log.level
    log.setLevel(logging.CRITICAL)  # each address that it tries would be an error; we say it in one sentence
    try:
        await asyncio.wait_for(admin.start(), 15)
        await asyncio.wait_for(admin.list_topics(), 15)
    except ValueError as error:
        raise UnableToStart(
            f"KAFKA_BOOTSTRAP is {given!r}, but it is written like host:9092,other:9092."
        ) from error
    except (KafkaError, TimeoutError) as error:
        raise UnableToStart(f"The Kafka at {given} (KAFKA_BOOTSTRAP) doesn't answer.") from error
    finally:
        await admin.close()
        log.setLevel(level)
