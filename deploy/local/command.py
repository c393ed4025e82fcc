"""How a command of this package runs: signals stop it in order, failures are one sentence."""

import asyncio
import errno
import signal
import sys
from collections.abc import Coroutine

from local.failure import UnableToStart

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(main: Coroutine[object, object, int]) -> int:
    """The exit code: that of `main`, 1 for a failure, 128 + n where signal n ended it."""
    try:
        return asyncio.run(_stoppable(main))
    except UnableToStart as error:
        print(error.sentence, file=sys.stderr, flush=True)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print(
            f"The disk is full: {error.filename or 'a file'} can't be written.", file=sys.stderr, flush=True
        )
    return 1


async def _stoppable(main: Coroutine[object, object, int]) -> int:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(main)
    received: list[signal.Signals] = []

    def stop(number: signal.Signals) -> None:
        if not received:  # the first one stops everything in order; more of them must not hurry that
            received.append(number)
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not received:
            raise
        return 128 + received[0]
