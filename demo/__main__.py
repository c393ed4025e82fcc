"""`make demo`: play a working day at the 29 gerai of Muna Barat, and show that nothing is missing."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from demo.day import Day
from demo.doors import open_client
from demo.failure import UnableToPlay
from demo.figures import Outcome
from demo.mall import read_mall
from demo.reckoning import every_reader
from demo.report import print_outcome
from demo.stage import STORES_OF_OTHERS, WHY_ITS_OWN, platform_of
from local import command
from local.seed import FILE

VISITORS = 450
MOST_VISITORS = 3_000
SEED = 1


async def demo(*, seed: int, visitors: int, json_path: Path | None) -> int:
    """The exit code: 0 where everything is as it should be, else 1."""
    await asyncio.to_thread(require_writable, json_path)
    console = Console()
    mall = read_mall(FILE)
    date = mall.ordinary_day(datetime.now(mall.zone).date())
    for given in STORES_OF_OTHERS:
        if os.environ.get(given):
            console.print(f"{given} is not used: {WHY_ITS_OWN}.", highlight=False, soft_wrap=True)
    console.print("Starting MongoDB, Kafka, Zipkin and the services …", highlight=False)
    readers = (
        await every_reader()
    )  # it imports every service, so it is done before anybody waits for this process
    async with platform_of(mall, date) as (platform, clock), open_client() as client:
        day = Day(
            seed=seed,
            visitors=visitors,
            date=date,
            mall=mall,
            platform=platform,
            clock=clock,
            client=client,
            console=console,
            readers=readers,
        )
        code = await conclude(await day.play(), console, json_path)
        if sys.stdin.isatty() and console.is_terminal:
            console.print("Everything runs on, so that the trace can be opened. Enter stops it.", style="dim")
            await _enter()
    return code


async def conclude(outcome: Outcome, console: Console, json_path: Path | None) -> int:
    """Show the outcome, and write it where that is wanted, also a bad one. The exit code."""
    print_outcome(outcome, console)
    if json_path is not None:
        await asyncio.to_thread(json_path.write_text, _as_text(outcome), encoding="utf-8")
    return 1 if outcome.complaints() else 0


def _as_text(outcome: Outcome) -> str:
    return json.dumps(outcome.as_json(), indent=2, ensure_ascii=False) + "\n"


def require_writable(path: Path | None) -> None:
    """Refuse before the day what would fail after it. What is in the file stays until then."""
    if path is None:
        return
    is_new = not path.exists()
    try:
        path.open("a").close()
    except OSError as error:
        raise UnableToPlay(f"{path} can't be written ({error.strerror}): choose another path.") from error
    if is_new:
        path.unlink()


async def _enter() -> None:
    pressed = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), pressed.set)
    try:
        await pressed.wait()
    finally:
        loop.remove_reader(sys.stdin.fileno())


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there, too")
    parser.add_argument("--seed", type=int, default=SEED, help=f"other arrivals (default {SEED})")
    parser.add_argument("--visitors", type=int, default=VISITORS, help=f"1 to {MOST_VISITORS}")
    chosen = parser.parse_args(arguments)
    if not 1 <= chosen.visitors <= MOST_VISITORS:
        parser.error(f"--visitors is a number from 1 to {MOST_VISITORS}")
    return command.run(demo(seed=chosen.seed, visitors=chosen.visitors, json_path=chosen.json))


if __name__ == "__main__":
    raise SystemExit(main())
