"""Starts programs, sees that they run, and stops all of them: by request, or when one of them dies."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.failure import UnableToStart
from local.launch import bound_to_us
from local.ledger import Ledger
from local.places import ROOT, private_file
from local.ports import require_free

_AFTER_KILL_SECONDS = 10.0
_LAST_LINES = 12
_TAIL_BYTES = 64_000
_NO_SPACE = ("No space left on device", "[Errno 28]")


class ProcessDied(UnableToStart):
    """A process ended that nobody asked to end."""


async def _at_once() -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how one sees that it is ready."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """In addition to a clean environment: see `_environment`."""
    port: int | None = None
    layer: int = 0
    """Higher layers use lower ones: they stop first."""
    ready: Callable[[], Awaitable[bool]] = _at_once
    ready_seconds: float = 60.0
    stop_seconds: float = 15.0
    niceness: int = 0


class Supervised:
    """One program under supervision: it may be stopped, killed and started again."""

    def __init__(self, program: Program, log: Path, ledger: Ledger, died: Callable[[str], None]) -> None:
        self.program = program
        self.log = log
        self._ledger = ledger
        self._died = died
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._log_start = 0

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, *, wait: bool = True) -> None:
        """Start it and, if told so, wait until it is ready."""
        if self.running:
            raise RuntimeError(f"{self.name} runs already")
        if self.program.port is not None:
            require_free(self.name, self.program.port)
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        with private_file(self.log).open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *bound_to_us(self.program.argv, niceness=self.program.niceness),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=_environment(self.program.env),
                start_new_session=True,
            )
        self._watch = asyncio.create_task(self._watched(self._process))
        self._ledger.add(self.name, self._process.pid)
        if wait:
            await self.wait_ready()

    async def wait_ready(self) -> None:
        """Return when it is ready; complain when it dies or takes too long."""
        try:
            async with asyncio.timeout(self.program.ready_seconds):
                while self.running:
                    if await self.program.ready():
                        return
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise UnableToStart(
                f"{self.name} was not ready within {self.program.ready_seconds:.0f} seconds.{self.last_lines()}"
            ) from None
        raise ProcessDied(self._obituary())

    async def stop(self) -> None:
        """Ask it to end; make it end when it takes too long."""
        await self._end(signal.SIGTERM, self.program.stop_seconds)

    async def kill(self) -> None:
        """kill -9: no goodbye. Returns when it is gone."""
        await self._end(signal.SIGKILL, _AFTER_KILL_SECONDS)

    async def restart(self) -> None:
        """Stop it if it runs, start it, wait until it is ready."""
        await self.stop()
        await self.start()

    async def _end(self, how: signal.Signals, patience: float) -> None:
        process, watch = self._process, self._watch
        if process is None or watch is None:
            return
        self._watch = None  # from here on its end is no surprise
        if process.returncode is None:
            _signal_group(process.pid, how)
        try:
            await asyncio.wait_for(process.wait(), patience)
        except TimeoutError:
            print(f"{self.name} doesn't stop within {patience:.0f} seconds: killing it", flush=True)
            _signal_group(process.pid, signal.SIGKILL)
            await asyncio.wait_for(process.wait(), _AFTER_KILL_SECONDS)
        await watch

    async def _watched(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        self._ledger.remove(self.name)
        if self._watch is asyncio.current_task():
            self._died(self._obituary())

    def _obituary(self) -> str:
        code = None if self._process is None else self._process.returncode
        if any(sign in self._tail() for sign in _NO_SPACE):
            return f"{self.name} stopped because the disk is full: free some space, then start again (its log: {self.log})."
        end = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return f"{self.name} died with {end}.{self.last_lines()}"

    def last_lines(self) -> str:
        """The end of what it wrote since its last start, indented, with the place of the whole log."""
        lines = self._tail().splitlines()[-_LAST_LINES:]
        return "".join(f"\n    {line[:300]}" for line in lines) + f"\n  its log: {self.log}"

    def _tail(self) -> str:
        if not self.log.exists():
            return ""
        with self.log.open("rb") as file:
            file.seek(max(self._log_start, self.log.stat().st_size - _TAIL_BYTES))
            return file.read().decode(errors="replace")


class Supervisor:
    """All programs of one data directory. Use it with `async with`: leaving it stops whatever still runs.

    When a program dies by itself, the task that entered is cancelled and sees `ProcessDied`.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ledger = Ledger(directory)
        self._children: dict[str, Supervised] = {}
        self._owner: asyncio.Task[object] | None = None
        self._stopping = False
        self.obituary: str | None = None

    async def __aenter__(self) -> "Supervisor":
        self._ledger.open()
        self._owner = asyncio.current_task()
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        interrupted: asyncio.CancelledError | None = None
        stopping = asyncio.ensure_future(self._stop_all())
        while not stopping.done():
            try:
                await asyncio.wait({stopping})
            except asyncio.CancelledError as again:
                interrupted = again  # a second Ctrl-C must not cut the stop short: what it left would run on
        self._ledger.close()
        stopping.result()
        self._report(error)
        if interrupted is not None:
            raise interrupted

    def _report(self, error: BaseException | None) -> None:
        """Put the death of a program in the place of the cancellation that it caused."""
        if self.obituary is None or isinstance(error, UnableToStart):
            return
        if error is None:
            raise ProcessDied(self.obituary)
        if isinstance(error, asyncio.CancelledError):
            if self._owner is not None:
                self._owner.uncancel()
            raise ProcessDied(self.obituary) from None
        error.add_note(self.obituary)

    def add(self, program: Program) -> Supervised:
        """Take a program under supervision without starting it."""
        if program.name in self._children:
            raise ValueError(f"two programs are named {program.name}")
        log = self._directory / "logs" / f"{program.name}.log"
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        child = Supervised(program, log, self._ledger, self._died)
        self._children[program.name] = child
        return child

    def __getitem__(self, name: str) -> Supervised:
        return self._children[name]

    def __contains__(self, name: str) -> bool:
        return name in self._children

    @property
    def children(self) -> tuple[Supervised, ...]:
        return tuple(self._children.values())

    def _died(self, obituary: str) -> None:
        if self._stopping or self.obituary is not None:
            return
        self.obituary = obituary
        if self._owner is not None:
            self._owner.cancel()

    async def _stop_all(self) -> None:
        self._stopping = True
        for layer in sorted({child.program.layer for child in self.children}, reverse=True):
            same = [child for child in self.children if child.program.layer == layer]
            results = await asyncio.gather(
                *(child.stop() for child in reversed(same)), return_exceptions=True
            )
            for child, result in zip(reversed(same), results, strict=True):
                if isinstance(result, BaseException):
                    print(f"{child.name} could not be stopped: {result!r}", file=sys.stderr, flush=True)


def _signal_group(pid: int, how: signal.Signals) -> None:
    """Each program leads a process group of its own, so this reaches what it started, and nobody else."""
    try:
        os.killpg(pid, how)
    except ProcessLookupError:
        return  # it ended in this very moment


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What programs inherit: a setting in somebody's shell must not leak into a service."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GERAI_", "OTEL_", "JAVA_", "JDK_"))
    }
    return {**kept, "PYTHONUNBUFFERED": "1", **extra}
