"""`make up`: the whole platform, until Ctrl-C."""

import asyncio
import time

from local import command, ports, seed
from local.plan import SERVICES
from local.platform import Platform, running


async def up() -> int:
    began = time.monotonic()
    print("Starting MongoDB, Kafka, Zipkin and the services …", flush=True)
    try:
        async with running(
            profile="up", ports=ports.configured(), services=SERVICES, traces=True, prepare_java=True
        ) as platform:
            seeded = await seed.load(
                registry_url=platform.registry_url, token=platform.token("admin", "registrar")
            )
            print(seeded, flush=True)
            ready_after = time.monotonic() - began
            await platform.traces_ready()
            print(_welcome(platform, ready_after), flush=True)
            await asyncio.Event().wait()
    finally:
        print("Everything is stopped; the data are kept.", flush=True)
    return 0


def _welcome(platform: Platform, seconds: float) -> str:
    return f"""
Gerai is ready ({seconds:.1f} s).

  registry   {platform.url("registry")}   {platform.operators_url("registry")}/docs
  queue      {platform.url("queue")}   {platform.operators_url("queue")}/docs
  hourly     {platform.url("hourly")}   {platform.operators_url("hourly")}/docs
  traces     {platform.zipkin_url}/zipkin
  MongoDB    {platform.mongodb_uri}
  Kafka      {platform.kafka_bootstrap}
  data, logs {platform.data_dir}

A token:     make token ROLE=officer
To use it:   curl -H "Authorization: Bearer $(make -s token ROLE=admin)" {platform.url("registry")}/v1/sites
Ctrl-C stops everything.
"""


if __name__ == "__main__":
    raise SystemExit(command.run(up()))
