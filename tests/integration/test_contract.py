"""The HTTP contract as a stranger meets it: schemathesis reads each service's document, and asks what it allows and
what it does not, in all its phases, with every check.

What is off, and why, stands in `schemathesis.toml`. `make contract EXAMPLES=200` asks for longer.
"""

import asyncio
import json
import os
import re
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from gerai.chassis.testing import eventually
from tests.integration.ground import Ground
from tests.integration.people import Doors, Person, Registrar, Supervisor

ROOT = Path(__file__).parents[2]
CONFIG = Path(__file__).parent / "schemathesis.toml"
MALL = ROOT / "deploy" / "local" / "data" / "muna_barat.json"
TENANT = "uji-kontrak"
SEED = "20261128"
EXAMPLES = os.environ.get("GERAI_CONTRACT_EXAMPLES", "5")
"""For each operation while it is fuzzed, and as many stateful runs."""
SITE = "muna-barat-mpp"
FEED = f"/v1/sites/{SITE}/display/feed"
WITHIN_S = 180.0 + 10.0 * int(EXAMPLES)
"""Several times what it takes on an idle machine."""

pytestmark = pytest.mark.timeout(60 + 4 * WITHIN_S)


@pytest.fixture(scope="module")
async def mall(ground: Ground) -> None:
    """A regency of its own, with the mall that the document's examples speak of."""
    async with AsyncExitStack() as exits:
        registry = Doors(ground.platform.urls("registry"), ground.platform.token, exits)
        await Registrar(registry, tenant=TENANT).load(json.loads(MALL.read_text(encoding="utf-8")))
        queue = Doors(ground.platform.urls("queue"), ground.platform.token, exits)
        supervisor = Supervisor(queue, tenant=TENANT)
        await eventually(
            lambda: supervisor.send("GET", f"/v1/sites/{SITE}/availability"),
            lambda answer: answer.is_success and bool(answer.json()),
            because="the queue knows the mall",
            within=60,
        )


async def asked(ground: Ground, service: str, *more: str, role: str | None) -> str:
    """Run schemathesis over a service; returns what it said. Fails with that where a check did."""
    url = ground.platform.urls(service)[0]
    document = f"{ground.platform.operators_url(service)}/openapi.json"
    options = ["--url", url, "--checks", "all", "--seed", SEED, "--no-color", "--continue-on-failure", *more]
    if role is not None:
        options += ["-H", f"Authorization: Bearer {ground.platform.token(role, tenant=TENANT)}"]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", document, *options),
        cwd=ground.platform.data_dir,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    said = output.decode(errors="replace")
    assert process.returncode == 0, said
    return said


def operations_in(said: str) -> int:
    found = re.search(r"Tested: (\d+)", said)
    assert found is not None, said
    return int(found[1])


ALL = ("Examples", "Coverage", "Fuzzing", "Stateful")


@pytest.mark.parametrize(
    ("service", "operations", "phases"),
    [
        ("registry", 31, ALL),
        ("queue", 26, ALL),
        # its one operation takes nothing that could have an example, and leads nowhere
        ("hourly", 1, ("Coverage", "Fuzzing")),
    ],
)
@pytest.mark.usefixtures("mall")
async def test_what_the_document_says_is_so(
    ground: Ground, service: str, operations: int, phases: tuple[str, ...]
) -> None:
    said = await asked(ground, service, "--max-examples", EXAMPLES, role="admin")
    assert operations_in(said) == operations
    for phase in phases:
        assert f"✅ {phase}" in said, f"{phase} did not pass, or did not run:\n{said}"


@pytest.mark.parametrize(
    ("service", "role"),
    [
        ("queue", "supervisor"),
        ("queue", "officer"),
        ("queue", "kiosk"),
        ("queue", "display"),
        ("queue", None),
        ("registry", "registrar"),
        ("registry", "officer"),
    ],
)
@pytest.mark.usefixtures("mall")
async def test_each_role_is_answered_as_the_document_says(
    ground: Ground, service: str, role: str | None
) -> None:
    """Also where it may do little: a refusal is part of the contract."""
    await asked(ground, service, "--phases", "examples", "--warnings", "off", role=role)


@pytest.mark.usefixtures("mall")
async def test_the_feed_refuses_as_the_document_says(ground: Ground, doors: Doors) -> None:
    """It is left out above, since it does not end."""
    async with httpx.AsyncClient(trust_env=False) as client:
        document = (await client.get(f"{ground.platform.operators_url('queue')}/openapi.json")).json()
    named = document["paths"]["/v1/sites/{site_id}/display/feed"]["get"]["responses"]
    supervisor, stranger = Supervisor(doors, tenant=TENANT), Person(doors)
    for who, path, status in (
        (stranger, FEED, 401),
        (supervisor, "/v1/sites/lost/display/feed", 404),
        (supervisor, f"{FEED}?zone=A!", 422),
        (supervisor, f"{FEED}?colour=red", 422),
    ):
        answer = await who.send("GET", path)
        assert answer.status_code == status and str(status) in named, path
        assert answer.headers["content-type"] == "application/problem+json"
    refused = await supervisor.send("POST", FEED)
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, OPTIONS")
