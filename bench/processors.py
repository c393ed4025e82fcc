"""Where the time goes: the processor time of every process over a stretch of load, for each command or event done."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import psutil

from local.platform import Platform

LEAST_SHARE = 0.02
"""What takes less of the whole is not worth a word."""


@dataclass
class Stretch:
    """`begin` before the load and `end` after it, as often as wanted; what lies between two stretches is left out."""

    platform: Platform
    seconds: float = 0.0
    used: dict[str, float] = field(default_factory=dict)
    _since: float = 0.0
    _before: Mapping[str, float] = field(default_factory=dict)

    def begin(self) -> Self:
        self._before, self._since = self._clocks(), time.perf_counter()
        return self

    def end(self) -> None:
        self.seconds += time.perf_counter() - self._since
        for name, seconds in self._clocks().items():
            self.used[name] = self.used.get(name, 0.0) + seconds - self._before.get(name, 0.0)

    def per(self, done: int) -> str:
        """For a figure's detail: milliseconds of processor time for each of `done` commands, largest first."""
        whole = sum(self.used.values())
        if not done or not whole:
            return "no processor time measured"
        shares = sorted(self.used.items(), key=lambda one: -one[1])
        parts = [f"{name} {used / done * 1000:.2f}" for name, used in shares if used >= whole * LEAST_SHARE]
        busy = whole / self.seconds / (psutil.cpu_count() or 1)
        return f"processor ms each: {', '.join(parts)}; {busy:.0%} of {psutil.cpu_count()} cores busy"

    def _clocks(self) -> dict[str, float]:
        own = psutil.Process().cpu_times()
        clocks = {"bench": own.user + own.system}
        for process in self.platform.processes:
            if not process.running:
                continue
            times = psutil.Process(process.pid).cpu_times()
            clocks[process.program.name] = times.user + times.system
        return clocks
