"""Turns into another program that can't outlive the process which started it.

Run as a file, not as a module: `python -I -S launch.py PARENT NICENESS program argument…`. It uses nothing
but the standard library, and it is gone as soon as the program runs.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def bound_to_us(argv: Sequence[str], *, niceness: int = 0) -> list[str]:
    """The command line that runs `argv` as a program which can't outlive this process."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(niceness), *argv]


def main(parent: int, niceness: int, argv: list[str]) -> None:
    # The kernel kills us when our parent dies, also by kill -9, when it has no chance to do so itself.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl failed")
    if os.getppid() != parent:  # it died before the line above
        raise SystemExit("the supervisor is gone")
    os.umask(0o077)  # data, keys and logs are their owner's alone
    if niceness:
        os.nice(niceness)
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
