"""Faster starts of Kafka and Zipkin: Java keeps the classes of a first run, loaded and linked, in a file.

It halves their start, which on two cores is most of what a warm `make up` waits for. Java ignores a file that
doesn't fit its archives or options, so the worst that can happen is a slow start.
"""

import asyncio
import dataclasses
import os
import shutil
from pathlib import Path

from local import jars, kafka, zipkin
from local.places import CACHE
from local.ports import free_ports
from local.supervisor import Program, Supervisor

_WRITING_SECONDS = 90.0


async def prepare(*bundles: str) -> None:
    """Make the files that are missing, each by one short run that nobody uses. Downloads what that needs."""
    missing = [bundle for bundle in bundles if not jars.start_file(bundle).exists()]
    if not missing:
        return
    for bundle in missing:
        await jars.obtain(bundle)
    print("Preparing Java for faster starts, this once …", flush=True)
    directory = CACHE / f"warm-{os.getpid()}"
    try:
        async with Supervisor(directory) as supervisor, asyncio.TaskGroup() as group:
            for bundle in missing:
                group.create_task(_train(bundle, supervisor, directory))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _train(bundle: str, supervisor: Supervisor, directory: Path) -> None:
    program = await _program(bundle, directory)
    draft = directory / f"{bundle}.aot"
    java, *options = program.argv
    # It is written when the program ends, so that takes longer than usual.
    training = dataclasses.replace(
        program, argv=(java, f"-XX:AOTCacheOutput={draft}", *options), stop_seconds=_WRITING_SECONDS
    )
    child = supervisor.add(training)
    await child.start()
    await child.stop()
    if draft.exists():
        draft.replace(jars.start_file(bundle))
    else:
        print(f"{bundle} left no file for faster starts: it starts slowly.{child.last_lines()}", flush=True)


async def _program(bundle: str, directory: Path) -> Program:
    first, second = free_ports(2)
    if bundle == "kafka":
        return await kafka.program(directory=directory / bundle, port=first, controller_port=second)
    return await zipkin.program(directory=directory / bundle, port=first)
