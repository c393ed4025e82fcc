"""How we see from outside that a program is ready."""

import httpx

_ANSWER_SECONDS = 2.0


async def answers_ok(url: str) -> bool:
    """True where a GET answers 2xx. Not yet listening is an answer, too: no."""
    async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, verify=False, trust_env=False) as client:
        try:
            response = await client.get(url)
        except httpx.TransportError:
            return False
    return response.is_success
