"""`make up`: the whole platform, until Ctrl-C."""

import argparse
import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from local import clock, command, ports, seed, services
from local.clock import Clock
from local.ledger import wipe
from local.places import data_dir
from local.platform import Platform, running

_LEARNS_SECONDS = 30.0
_STORES_OF_OTHERS = ("MONGODB_URI", "KAFKA_BOOTSTRAP")


async def up(clock_name: str = "") -> int:
    began = time.monotonic()
    chosen = clock.chosen(clock_name, now=datetime.now(UTC))
    practice = chosen.begins is not None
    kept = "the next practice morning begins anew" if practice else "the data are kept"
    try:
        if practice:
            _begin_anew(chosen)
        print("Starting MongoDB, Kafka, Zipkin and the services …", flush=True)
        async with running(
            profile=chosen.profile,
            ports=ports.configured(),
            services=services.names(),
            env=chosen.env,
            use_given=not practice,
            traces=True,
            prepare_java=True,
        ) as platform:
            seeded = await seed.load(
                registry_url=platform.registry_url, token=platform.token("admin", "registrar")
            )
            print(seeded, flush=True)
            ready_after = time.monotonic() - began
            doors = await _doors(platform, fresh=seeded.startswith("Loaded"))
            await platform.traces_ready()
            print(_welcome(platform, ready_after, _said_of(doors, chosen)), flush=True)
            await asyncio.Event().wait()
    finally:
        print(f"Everything is stopped; {kept}.", flush=True)
    return 0


def _begin_anew(chosen: Clock) -> None:
    """A practice morning begins without the numbers of the one before, so it has stores of its own."""
    for given in _STORES_OF_OTHERS:
        if os.environ.get(given):
            print(f"{given} is not used: a practice morning begins with empty stores of its own.")
    wipe(data_dir(chosen.profile))


async def _doors(platform: Platform, *, fresh: bool) -> list[Any]:
    """Each service of the site with what a visitor would hear now; empty where there is no site.

    After the first loading the queue learns the register piece by piece from Kafka: then its answer counts once it has
    stayed the same.
    """
    headers = {"authorization": f"Bearer {platform.token('admin')}"}
    deadline = time.monotonic() + _LEARNS_SECONDS
    seen: list[Any] = []
    async with httpx.AsyncClient(headers=headers, timeout=10, trust_env=False) as client:
        sites = (await client.get(f"{platform.registry_url}/v1/sites")).json()
        rows = sites if isinstance(sites, list) else next(iter(sites.values()))
        while rows and time.monotonic() < deadline:
            answer = await client.get(f"{platform.queue_url}/v1/sites/{rows[0]['id']}/availability")
            before, seen = seen, answer.json() if answer.is_success else []
            if seen and (seen == before or not fresh):
                break
            await asyncio.sleep(1.0)
    return seen


def _said_of(doors: Sequence[Any], chosen: Clock) -> str:
    """Whether the mall is open, and what to type where it isn't."""
    morning = f"make up CLOCK={clock.MORNING}"
    giving = sum(row["availability"] == "available" for row in doors)
    when = "now"
    if chosen.begins is not None:
        when = f"on this practice morning, {chosen.begins:%Y-%m-%d %H:%M} by the mall's clock"
    if giving:
        return f"The mall is open {when}: {giving} of {len(doors)} services give numbers."
    why = f" ({doors[0]['availability']}, {doors[0]['local_day']})" if doors else ""
    return f"The mall is closed {when}{why}: no service gives numbers. Open doors at any hour: Ctrl-C, then\n  {morning}"


def _addresses(platform: Platform) -> str:
    rows = {
        **{name: f"{platform.url(name)}   {platform.operators_url(name)}/docs" for name in services.names()},
        "traces": f"{platform.zipkin_url}/zipkin",
        "MongoDB": platform.mongodb_uri,
        "Kafka": platform.kafka_bootstrap,
        "data, logs": str(platform.data_dir),
    }
    width = max(len(name) for name in rows)
    return "\n".join(f"  {name:<{width}} {where}" for name, where in rows.items())


def _welcome(platform: Platform, seconds: float, doors: str) -> str:
    return f"""
Gerai is ready ({seconds:.1f} s).

{_addresses(platform)}

{doors}

In another terminal, a first number, its call, and the way of both:
  make ticket
  make call
  make trace

A token for requests of your own: make token ROLE=officer
Ctrl-C stops everything.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local", description=__doc__)
    parser.add_argument("--clock", default="", help=f"{clock.MORNING}, or nothing for real time")
    return command.run(up(parser.parse_args(arguments).clock))


if __name__ == "__main__":
    raise SystemExit(main())
