"""Bad input at the front door: each refusal says why, in words for a clerk, and changes nothing."""

import base64
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest

from gerai.chassis.testing import eventually
from local.tokens import AUDIENCE, Issuer
from tests.integration.bad_requests import ALL, RTL, TICKETS, Bad, a_site
from tests.integration.ground import Ground
from tests.integration.people import Display, Doors, Kiosk, Officer, Person, Registrar, Supervisor
from tests.integration.register import OTHER_TENANT, SITE, TENANT


async def _everything(ground: Ground) -> dict[str, Any]:
    """A print of all that a command may change."""
    kept: dict[str, Any] = {}
    for database in ("queue", "registry"):
        for name in (
            "tickets",
            "service_days",
            "desk_sessions",
            "site_rules",
            "sites",
            "outbox",
        ):
            found = ground.collection(name, database=database)
            kept[f"{database}.{name}"] = await found.count_documents({})
    return kept


async def _sent(ground: Ground, doors: Doors, bad: Bad, language: str) -> httpx.Response:
    urls = ground.platform.urls(bad.service)
    person = Person(Doors(urls, ground.platform.token, doors.exits))
    headers = {"accept-language": language, "content-type": "application/json", **bad.headers}
    if bad.roles:
        headers["authorization"] = f"Bearer {ground.platform.token(*bad.roles, tenant=TENANT)}"
    if bad.method == "POST":
        headers["idempotency-key"] = f"bad-{time.monotonic_ns()}"
    return await person._client.request(bad.method, urls[0] + bad.path, content=bad.content, headers=headers)


def _require_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
        answer.text[:300]
    )
    problem: dict[str, Any] = answer.json()
    assert (problem["code"], problem["status"]) == (code, status), problem
    assert problem["type"] == f"urn:gerai:problem:{code}"
    assert problem["correlation_id"] == answer.headers["x-correlation-id"]
    return problem


@pytest.mark.parametrize("bad", ALL, ids=lambda bad: bad.what)
async def test_refused(ground: Ground, doors: Doors, bad: Bad) -> None:
    before = await _everything(ground)
    titles = {}
    for language in ("id", "en"):
        problem = _require_problem(await _sent(ground, doors, bad, language), bad.status, bad.code)
        titles[language] = problem["title"]
        if bad.field_named is not None:
            assert bad.field_named in problem["field"]
    assert titles["id"] != titles["en"] and all(len(title) > 10 for title in titles.values()), titles
    assert "\x00" not in str(titles) and RTL not in str(titles)
    assert await _everything(ground) == before, "a refused request changed something"


def _signed_with_the_public_key(issuer: Issuer, claims: dict[str, Any]) -> str:
    """What everybody can make, and a careless reader takes for signed: the public key used as a shared secret."""
    header = {"alg": "HS256", "typ": "JWT", "kid": issuer.jwk()["kid"]}
    signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
    secret = json.dumps(issuer.jwk()).encode()
    return f"{signed}.{_base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _tokens(ground: Ground) -> dict[str, str]:
    """Tokens that nobody may get in with."""
    real = Issuer.at(ground.platform.data_dir / "issuer", url=ground.platform.issuer_url)
    stranger = Issuer.at(ground.platform.data_dir / "stranger", url=ground.platform.issuer_url)
    good = jwt.decode(real.mint("admin", tenant=TENANT), options={"verify_signature": False})
    head, _, _ = real.mint("admin", tenant=TENANT).split(".")
    unsigned = jwt.encode(good, None, algorithm="none", headers={"kid": real.jwk()["kid"]})
    return {
        "expired": real.mint("admin", tenant=TENANT, now=datetime.now(UTC) - timedelta(days=2)),
        "not yet valid": real.mint("admin", tenant=TENANT, now=datetime.now(UTC) + timedelta(days=1)),
        "of a stranger": stranger.mint("admin", tenant=TENANT),
        "of a stranger, with our key id": jwt.encode(
            good, stranger._key, algorithm="ES256", headers={"kid": real.jwk()["kid"]}
        ),
        "alg none": unsigned,
        "alg none, signed for show": unsigned + "c2ln",
        "the public key as a secret": _signed_with_the_public_key(real, good),
        "another audience": jwt.encode(
            {**good, "aud": f"not-{AUDIENCE}"},
            real._key,
            algorithm="ES256",
            headers={"kid": real.jwk()["kid"]},
        ),
        "another issuer": jwt.encode(
            {**good, "iss": "http://elsewhere"},
            real._key,
            algorithm="ES256",
            headers={"kid": real.jwk()["kid"]},
        ),
        "no regency": jwt.encode(
            {name: value for name, value in good.items() if name != "tenant"},
            real._key,
            algorithm="ES256",
            headers={"kid": real.jwk()["kid"]},
        ),
        "cut off": head + ".e30.",
        "nonsense": "a.b.c",
    }


@pytest.mark.parametrize(
    "which",
    [
        "expired",
        "not yet valid",
        "of a stranger",
        "of a stranger, with our key id",
        "alg none",
        "alg none, signed for show",
        "the public key as a secret",
        "another audience",
        "another issuer",
        "no regency",
        "cut off",
        "nonsense",
    ],
)
async def test_no_entry_with_a_token(ground: Ground, doors: Doors, which: str) -> None:
    before = await _everything(ground)
    headers = {"authorization": f"Bearer {_tokens(ground)[which]}"}
    answer = await Person(doors).send("POST", TICKETS, {"service_id": "kios-nomor"}, headers=headers)
    _require_problem(answer, 401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await _everything(ground) == before


async def test_every_post_needs_a_key(ground: Ground, doors: Doors) -> None:
    kiosk = Kiosk(doors)
    for key, code in ((None, "idempotency_key_required"), ("spaces in it", "idempotency_key_malformed")):
        headers = {**kiosk._headers, **({"idempotency-key": key} if key else {})}
        answer = await kiosk._client.post(
            kiosk.at(0) + TICKETS, json={"service_id": "kios-nomor"}, headers=headers
        )
        _require_problem(answer, 400, code)


async def test_an_illegal_step_names_the_state(doors: Doors) -> None:
    """409, and in the details the state that the ticket is in."""
    await Kiosk(doors).issue("tutup-kantor")
    officer = Officer(doors, desk="tutup-1")
    await officer.sit_down()
    assert await officer.call_next() is not None
    problem = _require_problem(await officer.send("POST", "/v1/desks/tutup-1/finish"), 409, "wrong_state")
    assert problem["details"]["state"] == "called", problem
    await officer.do("start")
    await officer.do("finish")


async def test_quota_and_office(doors: Doors) -> None:
    """The last ticket of a quota; a service that the office has closed on one replica is closed on all."""
    kiosk, supervisor = Kiosk(doors), Supervisor(doors)
    await kiosk.issue("tutup-kuota")
    quota = await kiosk.send("POST", TICKETS, {"service_id": "tutup-kuota"}, door=1)
    _require_problem(quota, 409, "quota_reached")
    await supervisor.must("POST", "/v1/services/tutup-kantor/close", {"reason": "power_cut"})
    try:
        for door in range(4):
            closed = await kiosk.send("POST", TICKETS, {"service_id": "tutup-kantor"}, door=door)
            _require_problem(closed, 409, "manual_closed")
    finally:
        await supervisor.must("POST", "/v1/services/tutup-kantor/reopen")
    await kiosk.issue("tutup-kantor")


async def test_another_regency_sees_nothing(doors: Doors) -> None:
    """Ids of ours are 404 for them, whatever role they have."""
    ticket = await Kiosk(doors).issue("kios-nomor")
    stranger = Supervisor(doors, tenant=OTHER_TENANT)
    for method, path in (
        ("GET", f"/v1/tickets/{ticket['id']}"),
        ("POST", f"/v1/tickets/{ticket['id']}/cancel"),
        ("POST", "/v1/desks/kios-1/open"),
        ("POST", "/v1/services/kios-nomor/close"),
        ("GET", f"/v1/sites/{SITE}/rules"),
        ("GET", f"/v1/sites/{SITE}/availability"),
        ("GET", f"/v1/sites/{SITE}/display"),
        ("GET", f"/v1/sites/{SITE}/display/feed"),
    ):
        answer = await stranger.send(method, path, door=1)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json"), path
    same_key = await Kiosk(doors, tenant=OTHER_TENANT, name="kiosk").issue("lain-satu", key="shared-key")
    ours = await Kiosk(doors, name="kiosk").issue("kios-nomor", key="shared-key")
    assert same_key["id"] != ours["id"], "a key of another regency was taken for ours"


async def test_a_refused_row_names_itself(ground: Ground, doors: Doors) -> None:
    """An import is all or nothing, and a rehearsal names every bad row."""
    registry = Doors(ground.platform.urls("registry"), ground.platform.token, doors.exits)
    rows = {"sites": [a_site(), a_site(id="dua", zone="Mars/Olympus"), {"id": "tiga"}]}
    for rehearsal in ("true", "false"):
        answer = await Registrar(registry).send("POST", f"/v1/imports?dry_run={rehearsal}", rows)
        assert answer.status_code == 422, answer.text
        assert {"sites.1", "sites.2"} <= {
            ".".join(one["field"].split(".")[:2]) for one in answer.json()["errors"]
        }
    assert await ground.collection("sites", database="registry").count_documents({"_id": "baru"}) == 0


async def test_a_display_may_look_and_nothing_else(doors: Doors) -> None:
    display = Display(doors)
    assert (await display.send("GET", f"/v1/sites/{SITE}/display")).status_code == 200
    _require_problem(await display.send("POST", "/v1/desks/kios-1/open"), 403, "forbidden")


async def test_the_door_still_opens_after_all_that(ground: Ground, doors: Doors) -> None:
    """No process has died or got stuck over it."""

    async def lives() -> set[int]:
        person = Person(doors)
        paths = [person.send("GET", "/health/live", door=door) for door in range(4)]
        return {(await one).status_code for one in paths}

    await eventually(lives, lambda seen: seen == {200}, because="all replicas make progress")
    assert (await Kiosk(doors).issue("kios-nomor"))["number"].startswith("C-")
