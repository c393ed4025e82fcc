"""The hall that the bench works in: 29 counters that never close, with two desks each."""

import asyncio
import json
import uuid
from typing import Any

import httpx

from local.platform import Platform

COUNTERS = 29
DESKS = 2
SITE = "bench-site"
WEEK = [{"weekday": day, "intervals": [{"opens": "00:00", "closes": "23:59"}]} for day in range(7)]
STANDARD = {
    "requirements": ["KTP"],
    "procedure": "Ambil nomor.",
    "duration": "1 hari",
    "fee": "Gratis",
    "product": "Izin",
    "complaints": "Meja pengaduan",
}


def register() -> dict[str, Any]:
    """The body of a bulk import."""
    numbers = range(COUNTERS)
    return {
        "sites": [{"id": SITE, "name": "Bench", "zone": "Asia/Makassar"}],
        "institutions": [{"id": "office", "name": "Office", "kind": "regency", "agreement": None}],
        "counters": [
            {"id": f"c{n}", "name": f"Gerai {n}", "site_id": SITE, "institution_id": "office"}
            for n in numbers
        ],
        "services": [
            {
                "id": f"s{n}",
                "name": f"Layanan {n}",
                "counter_id": f"c{n}",
                "prefix": f"{chr(65 + n // 26)}{chr(65 + n % 26)}",
                "standard": STANDARD,
                "number_range_end": 9_999,
                "wait_limit_minutes": 60,
            }
            for n in numbers
        ],
        "desks": [
            {"id": f"d{n}-{d}", "name": f"Loket {d}", "counter_id": f"c{n}", "service_ids": [f"s{n}"]}
            for n in numbers
            for d in range(DESKS)
        ],
        "calendars": [{"id": f"site:{SITE}", "week": WEEK, "cutoff_minutes": 0}],
    }


async def furnish(platform: Platform) -> None:
    """Load the register, lift the end of the number range, open every desk."""
    async with httpx.AsyncClient(timeout=60) as client:
        await _post(client, platform, f"{platform.registry_url}/v1/imports?dry_run=false", register())
        rules = f"{platform.queue_url}/v1/sites/{SITE}/rules"
        await _until_known(client, platform, rules)
        headers = {**_auth(platform), "if-match": '"0"'}
        answer = await client.put(rules, json={"range_end": "extend"}, headers=headers)
        answer.raise_for_status()
        for desk in desk_ids():
            await _post(client, platform, f"{platform.queue_url}/v1/desks/{desk}/open", None)


def desk_ids() -> list[str]:
    return [f"d{n}-{d}" for d in range(DESKS) for n in range(COUNTERS)]


def service_ids() -> list[str]:
    return [f"s{n}" for n in range(COUNTERS)]


def _auth(platform: Platform) -> dict[str, str]:
    return {"authorization": f"Bearer {platform.token('admin')}"}


async def _post(client: httpx.AsyncClient, platform: Platform, url: str, body: Any) -> None:
    headers = {**_auth(platform), "idempotency-key": uuid.uuid4().hex, "content-type": "application/json"}
    content = json.dumps(body) if body is not None else None
    for _ in range(100):  # the queue learns of a desk a moment after the registry
        answer = await client.post(url, content=content, headers=headers)
        if answer.status_code != httpx.codes.NOT_FOUND:
            break
        await asyncio.sleep(0.1)
    answer.raise_for_status()


async def _until_known(client: httpx.AsyncClient, platform: Platform, url: str) -> None:
    for _ in range(200):
        answer = await client.get(url, headers=_auth(platform))
        services = await client.get(f"{url.removesuffix('/rules')}/availability", headers=_auth(platform))
        if answer.is_success and services.is_success and len(services.json()) == COUNTERS:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError("the queue did not learn of the register")
