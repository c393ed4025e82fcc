"""`make ticket`, `make call`, `make trace`: a first number, its call, and the way of both through the platform.

Each shows the requests that it makes, so that they can be made by hand.
"""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from local.attached import Attached, attached
from local.failure import UnableToStart
from local.places import private_file
from local.tokens import Issuer

SERVICE, DESK = "dpmptsp-nib", "dpmptsp-loket-1"
_CLOSED = frozenset(
    {"manual_closed", "holiday", "date_closed", "day_closed", "break", "not_open_yet", "cutoff_passed"}
)
"""What the queue answers when it is the hour or the day that is wrong, which a practice morning has right."""
_ANSWER_SECONDS = 20.0
_TRACE_SECONDS = 20.0
_NOTE = "first-ticket.json"


class _Queue:
    """The queue's HTTP interface, with a word about each request."""

    def __init__(self, platform: Attached, client: httpx.Client) -> None:
        self._client = client
        self._url = platform.addresses["queue"]
        self._issuer = Issuer.at(platform.directory / "issuer", url=platform.addresses["issuer"])

    def post(self, path: str, role: str, body: object = None) -> httpx.Response:
        told = "" if body is None else f"  {json.dumps(body)}"
        print(f"POST {self._url}{path}{told}   (as {role})")
        headers = {
            "authorization": f"Bearer {self._issuer.mint(role)}",
            "idempotency-key": str(uuid.uuid4()),
            "accept-language": "en",
        }
        try:
            answer = self._client.post(self._url + path, headers=headers, json=body)
        except httpx.TransportError as error:
            raise UnableToStart(f"Nothing answers at {self._url}: is `make up` running?") from error
        self._require_ours(answer)
        print(f"  {answer.status_code} {json.dumps(_shortened(answer.json()), ensure_ascii=False)}")
        return answer

    def _require_ours(self, answer: httpx.Response) -> None:
        """Another program may listen where the queue did."""
        try:
            body = answer.json()
        except ValueError:
            body = None
        ours = {"id", "number"} if answer.is_success else {"code"}
        if not isinstance(body, Mapping) or ours.isdisjoint(body):
            raise UnableToStart(
                f"What answers at {self._url} is not Gerai's queue (status {answer.status_code}): another program has "
                "its port. Stop it, then: make up"
            )

    def must(self, path: str, role: str, body: object = None) -> Any:
        answer = self.post(path, role, body)
        if not answer.is_success:
            raise UnableToStart(_refusal(answer.json()))
        return answer.json()


def ticket(platform: Attached, client: httpx.Client) -> None:
    """Take a number, as a kiosk does."""
    answer = _Queue(platform, client).post("/v1/tickets", "kiosk", {"service_id": SERVICE})
    if not answer.is_success:
        refusal = answer.json()
        closed = refusal["code"] in _CLOSED and platform.directory.name != "morning"
        raise UnableToStart(_refusal(refusal) + (" For open doors: make up CLOCK=morning" if closed else ""))
    number = answer.json()["number"]
    parts = answer.headers.get("traceresponse", "").split("-")
    note = {"number": number, "trace": parts[1] if len(parts) == 4 else ""}
    private_file(platform.directory / _NOTE).write_text(json.dumps(note), encoding="utf-8")
    print(f"{number} waits. Next: make call")


def call(platform: Attached, client: httpx.Client) -> None:
    """Call whoever is next to the first desk, as its officer does; who is at the desk has been served by then."""
    queue = _Queue(platform, client)
    desk = f"/v1/desks/{DESK}"
    answer = queue.post(f"{desk}/call-next", "officer")
    if answer.status_code == 409 and answer.json().get("code") == "desk_closed":
        queue.must(f"{desk}/open", "officer")
        answer = queue.post(f"{desk}/call-next", "officer")
    elif answer.status_code == 409 and answer.json().get("code") == "desk_busy":
        queue.post(f"{desk}/start", "officer")  # refused where the visitor is being served already
        queue.must(f"{desk}/finish", "officer")
        answer = queue.post(f"{desk}/call-next", "officer")
    if not answer.is_success:
        raise UnableToStart(_refusal(answer.json()))
    print(f"{answer.json()['number']} is called to {DESK}. Next: make trace")


def trace(platform: Attached, client: httpx.Client) -> None:
    """The way of the latest number: which service did what, in the order of time, and where a page shows it."""
    note = platform.directory / _NOTE
    found = json.loads(note.read_text(encoding="utf-8")) if note.exists() else {}
    if not found.get("trace"):
        raise UnableToStart("There is no number to follow: make ticket")
    zipkin = platform.addresses["zipkin"]
    spans = _spans(client, f"{zipkin}/api/v2/trace/{found['trace']}")
    if not spans:
        raise UnableToStart(f"Zipkin does not know the trace of {found['number']} (any more): make ticket")
    began = min(span["timestamp"] for span in spans)
    print(f"The way of {found['number']}:")
    for span in sorted(spans, key=lambda one: one["timestamp"]):
        service = span.get("localEndpoint", {}).get("serviceName", "")
        print(f"  {(span['timestamp'] - began) / 1_000:9.1f} ms  {service:<9} {span.get('name', '')}")
    print(f"As a picture: {zipkin}/zipkin/traces/{found['trace']}")


def _spans(client: httpx.Client, address: str) -> list[Any]:
    """All of a trace. Spans travel for a second or two, and another service's come last."""
    ends = time.monotonic() + _TRACE_SECONDS
    spans: list[Any] = []
    while time.monotonic() < ends:
        try:
            answer = client.get(address)
        except httpx.TransportError as error:
            raise UnableToStart("Zipkin doesn't answer: is `make up` running?") from error
        before, spans = len(spans), _spans_in(answer) if answer.is_success else []
        services = {span.get("localEndpoint", {}).get("serviceName") for span in spans}
        if len(services) > 1 and len(spans) == before:
            break
        time.sleep(
            1.0
        )  # Zipkin cannot say when more spans come: look again until nothing is new, or time is over
    return spans


def _spans_in(answer: httpx.Response) -> list[Any]:
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise UnableToStart(
            f"What answers at {answer.request.url.host}:{answer.request.url.port} is not Zipkin."
        )
    return found


def _shortened(body: Any) -> Any:
    """What a person looks at: of a ticket or a desk the first few fields, of a refusal all."""
    wanted = ("id", "number", "service_id", "state", "desk_id", "is_open", "code", "title", "detail")
    return {key: body[key] for key in wanted if key in body} if isinstance(body, Mapping) else body


def _refusal(problem: Mapping[str, Any]) -> str:
    return str(problem.get("detail") or problem.get("title") or problem.get("code"))


_STEPS: dict[str, Callable[[Attached, httpx.Client], None]] = {"ticket": ticket, "call": call, "trace": trace}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.first_steps", description=__doc__)
    parser.add_argument("step", choices=_STEPS)
    step = _STEPS[parser.parse_args(arguments).step]
    try:
        with httpx.Client(timeout=_ANSWER_SECONDS, trust_env=False) as client:
            step(attached(), client)
    except UnableToStart as error:
        print(error.sentence, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
