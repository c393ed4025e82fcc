"""Zipkin, the trace viewer: it keeps the newest spans in memory and forgets them when it stops."""

from pathlib import Path

from local import jars
from local.places import require_space
from local.ports import HOST
from local.probes import answers_ok
from local.supervisor import Program


def url(port: int) -> str:
    return f"http://{HOST}:{port}"


async def program(*, directory: Path, port: int) -> Program:
    (archive,) = await jars.obtain("zipkin")
    require_space(directory, 300, "Zipkin")

    async def ready() -> bool:
        return await answers_ok(f"{url(port)}/health")

    return Program(
        name="zipkin",
        argv=(
            jars.JAVA,
            *jars.start_options("zipkin"),
            *("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"),
            f"-Djava.io.tmpdir={directory}",
            *("-jar", str(archive), f"--server.address={HOST}"),
            # Without these it listens on every interface.
            *(f"--armeria.ports[0].ip={HOST}", f"--armeria.ports[0].port={port}"),
            "--armeria.ports[0].protocols[0]=http",
        ),
        env={"STORAGE_TYPE": "mem", "MEM_MAX_SPANS": "50000"},
        port=port,
        ready=ready,
        ready_seconds=90,
        niceness=5,  # a viewer: the rest goes first
    )
