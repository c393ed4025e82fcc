"""Measure, print the table, write JSON where asked."""

import argparse
import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import calendar, feed, flow, jobs, memory, startup, uploads
from bench.commands import Commands
from bench.figure import AT_LEAST, AT_MOST, Figure
from bench.hall import furnish
from gerai.messaging.mongo.driver import Database, Driver, connect
from local import command, places, services
from local.ledger import wipe
from local.platform import Platform, running

RATE = "100000"
"""Requests a second that admission lets through: what is measured is the work, not the refusal."""
Measure = Callable[[], Awaitable[Figure]]

AFTERWARDS: dict[str, Measure] = {
    "working_days": calendar.working_days,
    "deadline_us": calendar.deadline_us,
    "warm_start": startup.warm_start,
}
"""What needs none of it, or starts a platform of its own, once the other has gone."""


def on_one_platform(platform: Platform, yardstick: Database, driver: Driver) -> dict[str, Measure]:
    """In the order of measuring: memory is looked at after all the load."""
    commands = Commands(platform, yardstick)
    return {
        "issue_29": commands.issue_29,
        "issue_1": commands.issue_1,
        "call_next_29": commands.call_next_29,
        "issue_latency_c1": commands.issue_latency_c1,
        "consume_effect": lambda: flow.consume_effect(platform, yardstick, driver),
        "commit_to_consumer_p99": lambda: flow.commit_to_consumer(platform, driver),
        "call_to_feed_p95": lambda: feed.call_to_feed(platform),
        "upload_memory": lambda: uploads.upload_memory(platform),
        "relay_100k": lambda: flow.relay_100k(platform, driver),
        "jobs": lambda: jobs.jobs(platform, yardstick, driver),
        "rss": lambda: memory.process_memory(platform, driver),
    }


async def measure(only: set[str], driver: Driver) -> list[Figure]:
    """Every figure, in one run on one platform."""
    console = Console(stderr=True)
    figures: list[Figure] = []

    async def take(id: str, measure: Measure) -> None:
        if only and id not in only:
            return
        console.print(f"[dim]{id} …[/dim]")
        figures.append(await measure())
        console.print(f"  {figures[-1].value:.2f} {figures[-1].unit}  {figures[-1].detail}")

    directory = places.data_dir("bench")
    wipe(directory)
    env = {
        "GERAI_MONGODB_DRIVER": driver.value,
        "GERAI_RATE_PER_SUBJECT": RATE,  # one token stands for a whole mall
        "GERAI_RATE_PER_REGENCY": RATE,
        **({"PYTHONPATH": os.environ["BENCH_PYTHONPATH"]} if "BENCH_PYTHONPATH" in os.environ else {}),
    }
    async with running(profile="bench", data_dir=directory, services=services.names(), env=env) as platform:
        await memory.rest(platform)
        await furnish(platform)
        yardstick = connect(platform.mongodb_uri, "bench", driver=driver, pool=100)
        for id, measure in on_one_platform(platform, yardstick, driver).items():
            await take(id, measure)
        await yardstick.close()
    for id, measure in AFTERWARDS.items():
        await take(id, measure)
    return figures


def show(figures: list[Figure]) -> None:
    table = Table(title="Gerai bench")
    for column in ("figure", "value", "unit", "goal", "holds", "detail"):
        table.add_column(column)
    for figure in figures:
        row = figure.row()
        table.add_row(*(str(row[name]) for name in ("id", "value", "unit", "goal", "holds", "detail")))
    Console(width=200).print(table)


async def main() -> int:
    arguments = argparse.ArgumentParser(prog="bench")
    arguments.add_argument("--json", default=os.environ.get("JSON") or None)
    arguments.add_argument("--only", nargs="*", default=[], choices=[*AT_LEAST, *AT_MOST])
    arguments.add_argument("--driver", type=Driver, default=Driver.MOTOR)
    asked = arguments.parse_args()
    figures = await measure(set(asked.only), asked.driver)
    show(figures)
    if asked.json:
        text = json.dumps([figure.row() for figure in figures], indent=2)
        await asyncio.to_thread(Path(asked.json).write_text, text, encoding="utf-8")
    return 0 if all(figure.holds for figure in figures) else 1


if __name__ == "__main__":
    raise SystemExit(command.run(main()))
