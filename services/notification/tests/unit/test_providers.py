"""What each provider's answer means: taken, refused, certainly not taken, or nobody knows. Over real sockets."""

import json
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes, policy
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from scripted_server import HANG_UP, SILENCE, answer, scripted

from gerai.messaging.job import Done, Failed, Outcome, TryAgain, Unknown
from gerai.notification.adapters.sms_gateway import GatewayForm, SmsGateway
from gerai.notification.adapters.smtp import Smtp
from gerai.notification.adapters.whatsapp import WhatsApp
from gerai.notification.domain.languages import Language
from gerai.notification.domain.template import Rendered
from gerai.notification.use_cases.providers import Outgoing

NUMBER = "+6281234567890"
CALL = Outgoing(
    address=NUMBER,
    message=Rendered(
        text='Nomor A-012 & "loket" 3',
        template="ticket_called",
        parameters=("A-012", "3"),
        language=Language.ID,
    ),
    idempotency_key="key-1",
)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=httpx.Timeout(0.3), trust_env=False) as client:
        yield client


def nobody_listens() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def whatsapp(client: httpx.AsyncClient, url: str) -> WhatsApp:
    return WhatsApp(client, name="meta", url=f"{url}/v21.0/123", token="secret")


def error(code: int) -> str:
    return json.dumps({"error": {"message": "x", "type": "OAuthException", "code": code, "fbtrace_id": "y"}})


class TestWhatsApp:
    async def test_asks_as_the_api_wants_it(self, client: httpx.AsyncClient):
        async with scripted(answer(200, '{"messages": [{"id": "wamid.1"}]}')) as server:
            assert await whatsapp(client, server.url).send(CALL) == Done(answer={"reference": "wamid.1"})
        head, body = server.requests[0]
        assert head.startswith("POST /v21.0/123/messages HTTP/1.1")
        assert "authorization: bearer secret" in head.lower()
        assert json.loads(body) == {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "to": "6281234567890",
            "type": "template",
            "template": {
                "name": "ticket_called",
                "language": {"code": "id"},
                "components": [
                    {
                        "type": "body",
                        "parameters": [{"type": "text", "text": "A-012"}, {"type": "text", "text": "3"}],
                    }
                ],
            },
        }

    @pytest.mark.parametrize(
        ("said", "outcome"),
        [
            (answer(400, error(131026)), Failed(code="invalid_address")),
            (answer(400, error(131047)), Failed(code="window_closed")),
            (answer(400, error(132001)), Failed(code="rejected")),
            (answer(401, error(190)), Failed(code="provider_down")),
            (answer(400, error(130429)), TryAgain(reason="code 130429")),
            (answer(400, error(131016)), TryAgain(reason="code 131016")),
            (
                answer(429, error(80007), "retry-after: 7"),
                TryAgain(reason="status 429", after=timedelta(seconds=7)),
            ),
            (
                answer(503, "x", "retry-after: 99999"),
                TryAgain(reason="status 503", after=timedelta(minutes=15)),
            ),
            (answer(503, "x", "retry-after: soon"), TryAgain(reason="status 503")),
            (answer(500, error(131000)), Unknown(reason="status 500")),
            (answer(200, "<html>OK</html>", kind="text/html"), Unknown(reason="the answer is no JSON")),
            (answer(200, '{"messages": []}'), Unknown(reason="the answer names no message")),
            (answer(400, "[]"), Unknown(reason="the answer is no JSON")),
            (answer(400, '{"error": "no"}'), Unknown(reason="a refusal without a code")),
            (answer(302, "", "location: http://127.0.0.1:1/"), Unknown(reason="status 302")),
            (answer(200, " " * 70_000), Unknown(reason="an answer without end")),
            (HANG_UP, Unknown(reason="RemoteProtocolError")),
            (SILENCE, Unknown(reason="ReadTimeout")),
        ],
        ids=lambda value: repr(value)[-60:] if not isinstance(value, bytes) else repr(value)[10:60],
    )
    async def test_what_an_answer_means(
        self, client: httpx.AsyncClient, said: bytes | None, outcome: Outcome
    ):
        async with scripted(said) as server:
            assert await whatsapp(client, server.url).send(CALL) == outcome

    async def test_who_does_not_listen_took_nothing(self, client: httpx.AsyncClient):
        assert await whatsapp(client, nobody_listens()).send(CALL) == TryAgain(reason="ConnectError")

    async def test_a_certificate_that_is_not_good_took_nothing(self, client: httpx.AsyncClient):
        """A plain server behind https: the handshake fails before anything of the message leaves."""
        async with scripted(answer(200, "{}")) as server:
            outcome = await whatsapp(client, server.url.replace("http:", "https:")).send(CALL)
        assert isinstance(outcome, TryAgain)


class TestSmsGateway:
    def gateway(self, client: httpx.AsyncClient, url: str, **form: Any) -> SmsGateway:
        stated = {
            "url": f"{url}/send",
            "fields": {"dest": "{{to_without_plus}}", "msg": "{{text}}", "sender": "GERAI"},
            "status_field": "status",
            "invalid_address": ["21"],
            "try_again": ["99"],
            "reference_field": "msgid",
        }
        return SmsGateway(
            client,
            name="gateway",
            form=GatewayForm.model_validate({**stated, **form}),
            authorization="Basic c2VjcmV0",
        )

    async def test_asks_in_the_form_of_the_gateway(self, client: httpx.AsyncClient):
        ok = answer(200, '{"status": 0, "msgid": 77}')
        async with scripted(ok, ok) as server:
            form = self.gateway(client, server.url, content="form", key_header="X-Once")
            assert form.takes_idempotency_key
            assert await form.send(CALL) == Done(answer={"reference": "77"})
            assert await self.gateway(client, server.url).send(CALL) == Done(answer={"reference": "77"})
        (head, body), (_, as_json) = server.requests
        assert body == b"dest=6281234567890&msg=Nomor+A-012+%26+%22loket%22+3&sender=GERAI"
        assert "x-once: key-1" in head.lower() and "basic c2vjcmv0" in head.lower()
        assert json.loads(as_json) == {"dest": "6281234567890", "msg": CALL.message.text, "sender": "GERAI"}

    @pytest.mark.parametrize(
        ("said", "outcome"),
        [
            (answer(200, '{"status": "21"}'), Failed(code="invalid_address")),
            (answer(200, '{"status": 99}'), TryAgain(reason="status 99")),
            (answer(200, '{"status": "SPAM"}'), Failed(code="rejected")),
            (answer(400, '{"status": "0"}'), Failed(code="rejected")),
            (answer(200, "OK"), Unknown(reason="the answer is no JSON")),
            (HANG_UP, Unknown(reason="RemoteProtocolError")),
        ],
        ids=lambda value: repr(value)[-40:],
    )
    async def test_what_an_answer_means(self, client: httpx.AsyncClient, said: bytes, outcome: Outcome):
        async with scripted(said) as server:
            assert await self.gateway(client, server.url).send(CALL) == outcome

    async def test_a_text_is_not_read_as_a_form_of_the_request(self, client: httpx.AsyncClient):
        tricky = Outgoing(address=NUMBER, message=Rendered(text='{{to}} "}&dest=1'), idempotency_key="k")
        async with scripted(answer(200, '{"status": 0}')) as server:
            await self.gateway(client, server.url).send(tricky)
        assert json.loads(server.requests[0][1])["msg"] == '{{to}} "}&dest=1'


class Mailbox:
    """The handler of a real SMTP server."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.refuses = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.refuses:
            return self.refuses
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


MAIL = Outgoing(
    address="siti@contoh.go.id",
    message=Rendered(subject="Izin Anda terbit — №1", text="Halo", html="<p>Halo</p>"),
    idempotency_key="key-1",
)


class TestSmtp:
    @pytest.fixture
    def mailbox(self):
        mailbox = Mailbox()
        port = int(nobody_listens().rpartition(":")[2])
        controller = Controller(mailbox, hostname="127.0.0.1", port=port)
        controller.start()
        mailbox.smtp = Smtp(
            name="post",
            host="127.0.0.1",
            port=port,
            sender="Gerai <kabar@gerai.example.go.id>",
            unsubscribe_url="https://gerai.example.go.id/berhenti",
            use_tls=False,
        )
        yield mailbox
        controller.stop()

    async def test_a_mail_has_both_forms_and_a_way_out(self, mailbox: Mailbox):
        assert await mailbox.smtp.send(MAIL) == Done(answer={"reference": "key-1"})
        (mail,) = mailbox.mails
        assert mail["Subject"] == MAIL.message.subject and mail["To"] == MAIL.address
        assert mail["Message-ID"] == "<key-1@gerai.example.go.id>"
        assert mail["List-Unsubscribe"] == "<https://gerai.example.go.id/berhenti>"
        assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
        assert mail.get_body(("html",)).get_content().strip() == "<p>Halo</p>"

    @pytest.mark.parametrize(
        ("refusal", "outcome"),
        [
            ("550 no such user", Failed(code="invalid_address")),
            ("554 spam", Failed(code="rejected")),
            ("451 later", TryAgain(reason="code 451")),
        ],
    )
    async def test_what_a_refusal_means(self, mailbox: Mailbox, refusal: str, outcome: Outcome):
        mailbox.refuses = refusal
        assert await mailbox.smtp.send(MAIL) == outcome

    async def test_who_does_not_listen_took_nothing(self):
        port = int(nobody_listens().rpartition(":")[2])
        smtp = Smtp(
            name="post", host="127.0.0.1", port=port, sender="a@b.id", unsubscribe_url="x", use_tls=False
        )
        outcome = await smtp.send(MAIL)
        assert isinstance(outcome, TryAgain)

    async def test_nothing_goes_out_unencrypted_where_tls_is_asked_for(self, mailbox: Mailbox):
        smtp = Smtp(
            name="post",
            host="127.0.0.1",
            port=mailbox.smtp._client["port"],
            sender="a@b.id",
            unsubscribe_url="x",
        )
        assert isinstance(await smtp.send(MAIL), TryAgain) and mailbox.mails == []

    async def test_a_subject_cannot_become_a_header(self, mailbox: Mailbox):
        evil = Outgoing(
            address=MAIL.address,
            message=Rendered(subject="x\r\nBcc: y@z.id", text="t", html="h"),
            idempotency_key="k",
        )
        with pytest.raises(ValueError, match="linefeed"):
            await mailbox.smtp.send(evil)
        assert mailbox.mails == []
