"""The end of a Kafka client, whatever state it is in."""

import asyncio
from collections.abc import Awaitable

import structlog

log = structlog.get_logger(__name__)


async def ended(stop: Awaitable[object], *, within: float, what: str) -> None:
    """Returns when the client's own `stop` is over, or after `within` seconds; never raises what it raises.

    aiokafka's stop has no time limit. It also awaits tasks that it has cancelled, and would pass their cancellation
    on to us, which looks as if we ourselves were told to stop; so it runs as a task of its own.
    """
    stopping = asyncio.ensure_future(stop)
    done, _ = await asyncio.wait([stopping], timeout=within)
    if not done:
        stopping.cancel()
        log.warning("stop-timed-out", client=what)
    elif stopping.cancelled():
        log.warning("stop-cancelled-itself", client=what)
    elif (error := stopping.exception()) is not None:
        log.warning("stop-failed", client=what, error=repr(error)[:300])
