"""The registry as it is deployed: a process of its own, with its settings in the environment."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from registry_front_door import ISSUER

from gerai.chassis.testing import service_process


@asynccontextmanager
async def registry_process(*, mongodb_uri: str, database: str, kafka_bootstrap: str) -> AsyncIterator[str]:
    """Its address. Stopped as an orchestrator stops it, and it must end in good order."""
    async with killable_registry(
        mongodb_uri=mongodb_uri, database=database, kafka_bootstrap=kafka_bootstrap
    ) as (address, process):
        yield address
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 30) == 0


@asynccontextmanager
async def killable_registry(
    *, mongodb_uri: str, database: str, kafka_bootstrap: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Its address, and the process itself."""
    with ISSUER.served() as keys:
        async with service_process(
            ("-m", "gerai.registry"),
            keeps_log=False,
            mongodb_uri=mongodb_uri,
            mongodb_database=database,
            kafka_bootstrap=kafka_bootstrap,
            jwks_url=keys,
        ) as registry:
            await registry.reaches("/health/ready", 200)
            yield registry.address, registry.process
