"""E-mail over SMTP, with TLS. An SMTP server takes no idempotency key; the Message-ID stays the same with each attempt,
so that a mail program shows one message."""

from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY

import aiosmtplib

from gerai.contracts.notification import Channel
from gerai.messaging.job import Done, Failed, Outcome, TryAgain, Unknown
from gerai.notification.use_cases.providers import Outgoing

NO_SUCH_MAILBOX = frozenset((550, 551, 553, 556))
TIMEOUT_S = 15.0


class Smtp:
    """A `Provider`."""

    channel = Channel.EMAIL
    takes_idempotency_key = False

    def __init__(
        self,
        *,
        name: str,
        host: str,
        port: int,
        sender: str,
        unsubscribe_url: str,
        username: str | None = None,
        password: str | None = None,
        use_tls: bool = True,
        per_second: float = 10.0,
    ) -> None:
        """`sender`: the address in From. `use_tls`: STARTTLS is required, with a certificate that is checked; without it
        nothing is encrypted, for a relay on the same machine."""
        self.name = name
        self.per_second = per_second
        self._sender = sender
        self._unsubscribe_url = unsubscribe_url
        self._client = {
            "hostname": host,
            "port": port,
            "username": username,
            "password": password,
            "start_tls": use_tls,
            "timeout": TIMEOUT_S,
        }

    async def send(self, outgoing: Outgoing) -> Outcome:
        client = aiosmtplib.SMTP(**self._client)  # type: ignore[arg-type]
        try:
            await client.connect()
        except aiosmtplib.SMTPAuthenticationError:
            return Failed(code="provider_down")
        except (aiosmtplib.SMTPException, OSError) as error:
            return TryAgain(reason=type(error).__name__)
        try:
            await client.send_message(self._message(outgoing))
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
            return _refused(error)
        except (aiosmtplib.SMTPException, OSError) as error:
            return Unknown(reason=type(error).__name__)
        finally:
            client.close()
        return Done(answer={"reference": outgoing.idempotency_key})

    def _message(self, outgoing: Outgoing) -> EmailMessage:
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = self._sender
        message["To"] = outgoing.address
        message["Subject"] = outgoing.message.subject
        message["Message-ID"] = f"<{outgoing.idempotency_key}@{self._sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message["List-Unsubscribe"] = f"<{self._unsubscribe_url}>"
        message["Content-Language"] = outgoing.message.language.value
        message.set_content(outgoing.message.text)
        message.add_alternative(outgoing.message.html, subtype="html")
        return message


def _refused(error: aiosmtplib.SMTPException) -> Outcome:
    """A code of 4xx passes by itself; 5xx does not."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        code = error.recipients[0].code if error.recipients else 550
    else:
        assert isinstance(error, aiosmtplib.SMTPResponseException)
        code = error.code
    if 400 <= code < 500:
        return TryAgain(reason=f"code {code}")
    if code < 400:
        return Unknown(reason=f"code {code}")
    return Failed(code="invalid_address" if code in NO_SUCH_MAILBOX else "rejected")
