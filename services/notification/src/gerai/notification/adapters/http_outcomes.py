"""What an HTTP exchange with a provider says of a message: taken, refused, certainly not taken, or nobody knows."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from gerai.messaging.job import Outcome, TryAgain, Unknown

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
LARGEST_ANSWER = 64 * 1024
LONGEST_PAUSE = timedelta(minutes=15)


async def exchange(client: httpx.AsyncClient, request: httpx.Request) -> Outcome | httpx.Response:
    """The provider's answer with its body read, or the outcome where there is none that says anything.

    Nothing was taken where the connection could not be made, where the provider asks us to come later (429), or is not
    there (503). Of any other fault after the request left, and of other 5xx, nobody knows.
    """
    try:
        answer = await client.send(request, stream=True, follow_redirects=False)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        return TryAgain(reason=type(error).__name__)
    except httpx.HTTPError as error:
        return Unknown(reason=type(error).__name__)
    try:
        return await _read(answer)
    finally:
        await answer.aclose()


async def _read(answer: httpx.Response) -> Outcome | httpx.Response:
    if answer.status_code in (429, 503):
        return TryAgain(reason=f"status {answer.status_code}", after=_retry_after(answer))
    body = bytearray()
    try:
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > LARGEST_ANSWER:
                return Unknown(reason="an answer without end")
    except httpx.HTTPError as error:
        return Unknown(reason=type(error).__name__)
    if answer.status_code >= 500 or answer.is_redirect:
        return Unknown(reason=f"status {answer.status_code}")
    return httpx.Response(answer.status_code, headers=answer.headers, content=bytes(body))


def json_object(answer: httpx.Response) -> Mapping[str, Any] | None:
    """None: it is no JSON object, such as a page that says in HTML that something is wrong."""
    try:
        found = json.loads(answer.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _retry_after(answer: httpx.Response) -> timedelta | None:
    stated = answer.headers.get("retry-after", "")
    return (
        min(timedelta(seconds=int(stated)), LONGEST_PAUSE) if stated.isdecimal() and len(stated) < 7 else None
    )
