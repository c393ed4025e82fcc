"""Resident memory of service processes."""

import psutil

from bench.figure import Figure
from local.platform import Platform

SERVICES = ("registry", "queue")


async def process_memory(platform: Platform) -> Figure:
    """The largest service process after all the load."""
    found: dict[str, float] = {}
    for service in SERVICES:
        for name in (service, f"{service}-worker"):
            pid = platform.process(name).pid
            found[name] = psutil.Process(pid).memory_info().rss / 1e6
    return Figure(
        id="rss",
        value=max(found.values()),
        unit="MB",
        detail=", ".join(f"{name} {megabytes:.0f}" for name, megabytes in found.items()),
    )
