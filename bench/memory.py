"""Resident memory of service processes."""

import asyncio
import time

import psutil

from bench.figure import Figure
from gerai.contracts.queue import TicketIssued
from gerai.messaging.mongo.driver import Driver, connect
from local import services
from local.platform import Platform

LOADED = ("registry", "queue")
"""The services that the other figures ask. The rest would share the processors with them, so they rest until memory is
looked at."""
CATCH_UP_S = 30.0


async def rest(platform: Platform) -> None:
    for name in _resting():
        await platform.process(name).stop()


def _resting() -> list[str]:
    return [name for service in services.names() if service not in LOADED for name in _processes(service)]


def _processes(service: str) -> tuple[str, str]:
    return service, f"{service}-worker"


async def process_memory(platform: Platform, driver: Driver) -> Figure:
    """The largest service process after all the load; those that rested get their share of it then, at once."""
    for name in _resting():
        await platform.process(name).start()
    events = await _catch_up(platform, driver)
    found: dict[str, float] = {}
    for service in services.names():
        for name in _processes(service):
            pid = platform.process(name).pid
            found[name] = psutil.Process(pid).memory_info().rss / 1e6
    return Figure(
        id="rss",
        value=max(found.values()),
        unit="MB",
        detail=", ".join(f"{name} {megabytes:.0f}" for name, megabytes in found.items())
        + f"; hourly after {events} events",
    )


async def _catch_up(platform: Platform, driver: Driver) -> int:
    """Let the example service count every ticket, or as many as it can for a while; says how many."""
    queue, hourly = (connect(platform.mongodb_uri, name, driver=driver) for name in ("queue", "hourly"))
    issued: int = await queue["outbox"].count_documents({"type": TicketIssued.type})
    ends, counted = time.perf_counter() + CATCH_UP_S, 0
    while counted < issued and time.perf_counter() < ends:
        await asyncio.sleep(0.2)
        counted = await hourly["inbox"].estimated_document_count()
    await asyncio.gather(queue.close(), hourly.close())
    return counted
