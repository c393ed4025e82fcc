"""An SMS gateway over HTTP. Every one in Indonesia has a form of its own, so the form of the request is a setting."""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.notification import Channel
from gerai.messaging.job import Done, Failed, Outcome, TryAgain, Unknown
from gerai.notification.adapters.http_outcomes import exchange, json_object
from gerai.notification.use_cases.providers import Outgoing

SLOT = re.compile(r"\{\{ ?(to|to_without_plus|text|key) ?\}\}")


class GatewayForm(BaseModel):
    """How one gateway wants to be asked, and how it answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(pattern=r"^https?://")
    content: Literal["json", "form"] = "json"
    fields: Mapping[str, str] = Field(min_length=1, max_length=20)
    """Field → value, in which {{to}}, {{to_without_plus}}, {{text}} and {{key}} stand for what is sent."""
    key_header: str | None = None
    """The header in which it takes an idempotency key; None: it takes none."""
    status_field: str | None = None
    """The answer's field that says how it went; None: the HTTP status alone says it."""
    accepted: tuple[str, ...] = ("0", "ok", "success", "queued")
    invalid_address: tuple[str, ...] = ()
    try_again: tuple[str, ...] = ()
    reference_field: str = "id"


class SmsGateway:
    """A `Provider`."""

    channel = Channel.SMS

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        name: str,
        form: GatewayForm,
        authorization: str,
        per_second: float = 10.0,
    ) -> None:
        """`authorization`: the whole value of that header."""
        self.name = name
        self.per_second = per_second
        self.takes_idempotency_key = form.key_header is not None
        self._client = client
        self._form = form
        self._authorization = authorization

    async def send(self, outgoing: Outgoing) -> Outcome:
        answer = await exchange(self._client, self._request(outgoing))
        if not isinstance(answer, httpx.Response):
            return answer
        said = json_object(answer)
        if said is None:
            return Unknown(reason="the answer is no JSON")
        return self._outcome(answer, said)

    def _request(self, outgoing: Outgoing) -> httpx.Request:
        slots = {
            "to": outgoing.address,
            "to_without_plus": outgoing.address.removeprefix("+"),
            "text": outgoing.message.text,
            "key": outgoing.idempotency_key,
        }
        fields = {
            name: SLOT.sub(lambda slot: slots[slot[1]], value) for name, value in self._form.fields.items()
        }
        headers = {"Authorization": self._authorization}
        if self._form.key_header is not None:
            headers[self._form.key_header] = outgoing.idempotency_key
        if self._form.content == "json":
            content, headers["Content-Type"] = json.dumps(fields), "application/json"
        else:
            content, headers["Content-Type"] = urlencode(fields), "application/x-www-form-urlencoded"
        return self._client.build_request("POST", self._form.url, headers=headers, content=content)

    def _outcome(self, answer: httpx.Response, said: Mapping[str, Any]) -> Outcome:
        form = self._form
        if form.status_field is None:
            if answer.is_success:
                return Done(answer=_reference(said, form.reference_field))
            return Failed(code="rejected")
        status = str(said.get(form.status_field, "")).casefold()
        if status in form.invalid_address:
            return Failed(code="invalid_address")
        if status in form.try_again:
            return TryAgain(reason=f"status {status[:40]}")
        if answer.is_success and status in form.accepted:
            return Done(answer=_reference(said, form.reference_field))
        return Failed(code="rejected")


def _reference(said: Mapping[str, Any], field: str) -> dict[str, str]:
    found = said.get(field)
    return {"reference": str(found)[:200]} if found is not None else {}
