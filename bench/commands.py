"""Figures of commands over HTTP, each against the bare loop of the same driver, measured side by side."""

import asyncio
import time

from bench.bare import bare_loop
from bench.figure import Figure
from bench.hall import COUNTERS, desk_ids, service_ids
from bench.http_load import Connection, Load, Request, drive, percentile
from bench.processors import Stretch
from gerai.messaging.mongo.driver import Database
from local.platform import Platform

SECONDS = 6.0
BARE_SECONDS = 4.0
CALL_ROUNDS = 60


class Commands:
    """One platform, one database for the yardstick."""

    def __init__(self, platform: Platform, yardstick: Database) -> None:
        self._platform = platform
        self._yardstick = yardstick
        self._headers = (("authorization", f"Bearer {platform.token('admin')}"),)

    async def issue_29(self) -> Figure:
        services = service_ids()
        return await self._issue("issue_29", lambda number: services[number % COUNTERS], "29 services")

    async def issue_1(self) -> Figure:
        return await self._issue("issue_1", lambda _: "s0", "one service")

    async def _issue(self, id: str, service_of: object, words: str) -> Figure:
        assert callable(service_of)
        before = await bare_loop(self._yardstick, tasks=64, seconds=BARE_SECONDS)
        stretch = Stretch(self._platform).begin()
        load = await drive(
            self._platform.queue_url,
            connections=64,
            seconds=SECONDS,
            next_request=lambda number: self._issue_request(service_of(number)),
        )
        stretch.end()
        after = await bare_loop(self._yardstick, tasks=64, seconds=BARE_SECONDS)
        bare = (before.per_second + after.per_second) / 2
        return Figure(
            id=id,
            value=load.per_second / bare,
            unit="× bare loop",
            detail=f"{load.per_second:.0f}/s over HTTP on {words}, p50 {_ms(load, 0.5)}, p99 {_ms(load, 0.99)}; "
            f"bare {bare:.0f}/s; {_refused(load)}; {stretch.per(load.done)}",
        )

    async def issue_latency_c1(self) -> Figure:
        bare = await bare_loop(self._yardstick, tasks=1, seconds=BARE_SECONDS)
        stretch = Stretch(self._platform).begin()
        load = await drive(
            self._platform.queue_url,
            connections=1,
            seconds=SECONDS,
            next_request=lambda _: self._issue_request("s1"),
        )
        stretch.end()
        again = await bare_loop(self._yardstick, tasks=1, seconds=BARE_SECONDS)
        p50 = percentile([*bare.latencies, *again.latencies], 0.5)
        return Figure(
            id="issue_latency_c1",
            value=load.percentile(0.5) / p50,
            unit="× bare transaction",
            detail=f"p50 {_ms(load, 0.5)}, p99 {_ms(load, 0.99)}; bare p50 {p50 * 1000:.2f} ms; {_refused(load)}; "
            f"{stretch.per(load.done)}",
        )

    async def call_next_29(self) -> Figure:
        """Rounds: all 29 desks call at the same moment (timed), then finish (not timed)."""
        await self._stock(CALL_ROUNDS + 5)
        bare = await bare_loop(self._yardstick, tasks=COUNTERS, seconds=BARE_SECONDS)
        desks = desk_ids()[:COUNTERS]
        load, stretch = Load(), Stretch(self._platform)
        connections = [Connection(self._platform.queue_url) for _ in desks]
        await asyncio.gather(*(one.__aenter__() for one in connections))
        try:
            pairs = list(zip(connections, desks, strict=True))
            for _ in range(CALL_ROUNDS):
                stretch.begin()
                await asyncio.gather(*(self._call(one, desk, load) for one, desk in pairs))
                stretch.end()
                await asyncio.gather(*(self._serve(one, desk) for one, desk in pairs))
        finally:
            await asyncio.gather(*(one.__aexit__() for one in connections))
        load.seconds = stretch.seconds
        again = await bare_loop(self._yardstick, tasks=COUNTERS, seconds=BARE_SECONDS)
        rate = (bare.per_second + again.per_second) / 2
        return Figure(
            id="call_next_29",
            value=load.per_second / rate,
            unit="× bare loop",
            detail=f"{load.per_second:.0f} calls/s in {CALL_ROUNDS} rounds of 29, p50 {_ms(load, 0.5)}; "
            f"bare {rate:.0f}/s; {_refused(load)}; {stretch.per(load.done)}",
        )

    async def _stock(self, tickets: int) -> None:
        """So many who wait at every counter."""

        async def fill(service: str) -> None:
            async with Connection(self._platform.queue_url) as connection:
                for _ in range(tickets):
                    await connection.send(self._issue_request(service))

        await asyncio.gather(*(fill(service) for service in service_ids()))

    async def _call(self, connection: Connection, desk: str, load: Load) -> None:
        begun = time.perf_counter()
        status, body = await connection.send(self._step(desk, "call-next"))
        load.saw(status, body, time.perf_counter() - begun)

    async def _serve(self, connection: Connection, desk: str) -> None:
        await connection.send(self._step(desk, "start"))
        await connection.send(self._step(desk, "finish"))

    def _step(self, desk: str, step: str) -> Request:
        return Request(method="POST", path=f"/v1/desks/{desk}/{step}", headers=self._headers)

    def _issue_request(self, service: str) -> Request:
        body = b'{"service_id":"' + service.encode() + b'"}'
        return Request(method="POST", path="/v1/tickets", body=body, headers=self._headers)


def _ms(load: Load, share: float) -> str:
    return f"{load.percentile(share) * 1000:.1f} ms"


def _refused(load: Load) -> str:
    others = {status: count for status, count in load.statuses.items() if status >= 300}
    return f"refused {others}: {load.refusals[0].decode()[:120]}" if others else "none refused"
