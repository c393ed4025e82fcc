"""How a command of this package runs: signals stop it in order, failures are one sentence."""

import asyncio
import errno
import signal
import sys
from collections.abc import Coroutine, Iterator

from local.failure import UnableToStart

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FULL = (errno.ENOSPC, errno.EDQUOT)


def run(main: Coroutine[object, object, int]) -> int:
    """The exit code: that of `main`, 1 for a failure, 128 + n where signal n ended it."""
    try:
        return asyncio.run(_stoppable(main))
    except (UnableToStart, OSError, BaseExceptionGroup) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(sentence, file=sys.stderr, flush=True)
    return 1


def _sentence(error: BaseException) -> str | None:
    """What a person can do something about; None for what only a traceback explains.

    Parts start side by side, so failures come in groups: what one of them says in words explains the rest.
    """
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, UnableToStart):
            return leaf.sentence
    for leaf in leaves:
        if isinstance(leaf, OSError) and leaf.errno in _FULL:
            return f"The disk is full: {leaf.filename or 'a file'} can't be written. Free some space, then try again."
    return None


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


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
