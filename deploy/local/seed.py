"""The example data: Muna Barat's site, loaded through the registry's own HTTP interface."""

import hashlib
from pathlib import Path

import httpx

from local.failure import UnableToStart
from local.places import ROOT

FILE = ROOT / "deploy" / "local" / "data" / "muna_barat.json"
_ANSWER_SECONDS = 60.0


async def load(*, registry_url: str, token: str, file: Path = FILE) -> str:
    """Import the file unless the registry has a site already; what was done, as a sentence."""
    body = _read(file)
    key = f"seed-{hashlib.sha256(body).hexdigest()[:32]}"
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=registry_url, headers=headers, timeout=_ANSWER_SECONDS, trust_env=False
    ) as registry:
        sites = await registry.get("/v1/sites")
        _require_success(sites)
        if _holds_rows(sites.json()):
            return "The registry has its data already."
        answer = await registry.post(
            "/v1/imports",
            params={"dry_run": "false"},
            content=body,
            headers={"content-type": "application/json", "idempotency-key": key},
        )
        _require_success(answer)
    return f"Loaded {file.name} into the registry."


def _read(file: Path) -> bytes:
    if not file.exists():
        raise UnableToStart(f"The example data are missing: there is no {file}.")
    return file.read_bytes()


def _holds_rows(page: object) -> bool:
    """Whether a page (an object with one list of rows), or a plain list, has any rows."""
    lists = page.values() if isinstance(page, dict) else [page]
    return any(isinstance(rows, list) and rows for rows in lists)


def _require_success(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise UnableToStart(
            f"The registry refuses {answer.request.method} {answer.request.url.path} with {answer.status_code}: "
            f"{answer.text[:600]}"
        )
