"""The WhatsApp Business Cloud API (Meta's Graph API, `/{phone number id}/messages`), with approved templates.

Meta takes no idempotency key. Its error codes: developers.facebook.com, "Error codes", Cloud API.
"""

from collections.abc import Mapping
from typing import Any

import httpx

from gerai.contracts.notification import Channel
from gerai.messaging.job import Done, Failed, Outcome, TryAgain, Unknown
from gerai.notification.adapters.http_outcomes import exchange, json_object
from gerai.notification.use_cases.providers import Outgoing

NO_SUCH_RECIPIENT = frozenset((131026, 131030))
OUTSIDE_THE_WINDOW = frozenset((131047,))
TOO_FAST = frozenset((4, 80007, 130429, 131048, 131056))
AWAY = frozenset((1, 2, 131000, 131016))
OUR_ACCOUNT = frozenset((0, 3, 10, 190, 368, 131031, 131042))


class WhatsApp:
    """A `Provider`."""

    channel = Channel.WHATSAPP
    takes_idempotency_key = False

    def __init__(
        self, client: httpx.AsyncClient, *, name: str, url: str, token: str, per_second: float = 50.0
    ) -> None:
        """`url`: with the version and the phone number's id, "https://graph.facebook.com/v21.0/1234567890"."""
        self.name = name
        self.per_second = per_second
        self._client = client
        self._url = f"{url.rstrip('/')}/messages"
        self._token = token

    async def send(self, outgoing: Outgoing) -> Outcome:
        request = self._client.build_request(
            "POST", self._url, headers={"Authorization": f"Bearer {self._token}"}, json=_body(outgoing)
        )
        answer = await exchange(self._client, request)
        if not isinstance(answer, httpx.Response):
            return answer
        said = json_object(answer)
        if said is None:
            return Unknown(reason="the answer is no JSON")
        if answer.is_success:
            return _taken(said)
        return _refused(said)


def _body(outgoing: Outgoing) -> dict[str, Any]:
    parameters = [{"type": "text", "text": value} for value in outgoing.message.parameters]
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": outgoing.address.removeprefix("+"),
        "type": "template",
        "template": {
            "name": outgoing.message.template,
            "language": {"code": outgoing.message.language.value},
            "components": [{"type": "body", "parameters": parameters}] if parameters else [],
        },
    }


def _taken(said: Mapping[str, Any]) -> Outcome:
    match said:
        case {"messages": [{"id": str(id)}, *_]}:
            return Done(answer={"reference": id})
        case _:
            return Unknown(reason="the answer names no message")


def _refused(said: Mapping[str, Any]) -> Outcome:
    match said:
        case {"error": {"code": int(code)}}:
            pass
        case _:
            return Unknown(reason="a refusal without a code")
    if code in TOO_FAST or code in AWAY:
        return TryAgain(reason=f"code {code}")
    if code in NO_SUCH_RECIPIENT:
        return Failed(code="invalid_address")
    if code in OUTSIDE_THE_WINDOW:
        return Failed(code="window_closed")
    return Failed(code="provider_down" if code in OUR_ACCOUNT else "rejected")
