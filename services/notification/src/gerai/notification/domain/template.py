"""A template: one message in every language, as each channel takes it. Versioned; a notification stays on its version."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from gerai.contracts.notification import Channel
from gerai.notification.domain.languages import Language
from gerai.notification.domain.sms_length import segments
from gerai.notification.domain.text_template import HtmlTemplate, TextTemplate

PlaceholderName: TypeAlias = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
MOST_SEGMENTS = 4


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EmailContent(_Part):
    subject: str
    text: str
    html: str


class SmsContent(_Part):
    text: str
    segments: int = Field(default=1, ge=1, le=MOST_SEGMENTS)
    """What it may cost: texts that need more parts are not sent by SMS."""


class WhatsAppContent(_Part):
    """Outside of a conversation that the person began, WhatsApp takes only what it has approved beforehand."""

    template: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    """The name under which it is approved."""
    parameters: tuple[PlaceholderName, ...] = ()
    """Placeholders whose values fill {{1}}, {{2}}, …, in this order."""


class InboxContent(_Part):
    title: str
    text: str


class Wording(_Part):
    """One language."""

    inbox: InboxContent
    whatsapp: WhatsAppContent | None = None
    sms: SmsContent | None = None
    email: EmailContent | None = None

    def texts(self) -> Iterator[tuple[str, TextTemplate]]:
        """Each with its place: "sms.text"."""
        yield "inbox.title", TextTemplate(self.inbox.title)
        yield "inbox.text", TextTemplate(self.inbox.text)
        if self.sms is not None:
            yield "sms.text", TextTemplate(self.sms.text)
        if self.email is not None:
            yield "email.subject", TextTemplate(self.email.subject)
            yield "email.text", TextTemplate(self.email.text)
            yield "email.html", HtmlTemplate(self.email.html)


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A message as a channel takes it. Only what the channel needs is set."""

    text: str = ""
    subject: str = ""
    html: str = ""
    template: str = ""
    language: Language = Language.ID
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Problem:
    """What is wrong with a definition."""

    place: str
    """As "wordings.id.sms.text"."""
    code: str


class TextTooLong(Exception):
    """With these values the SMS needs more parts than the template allows."""


class Template(BaseModel):
    """Never changed: what is imported under a known id is its next version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")
    version: int = Field(ge=1)
    placeholders: tuple[PlaceholderName, ...] = Field(max_length=30)
    wordings: Mapping[Language, Wording]

    def problems(self, *, own_addresses: tuple[str, ...]) -> Iterator[Problem]:
        """All of them: what is missing in a language, texts that the placeholder language does not take, links that
        lead elsewhere, and subjects of several lines (they would become headers)."""
        for language in Language:
            if language not in self.wordings:
                yield Problem(f"wordings.{language}", "missing_language")
        channels = {language: _channels(wording) for language, wording in self.wordings.items()}
        for channel in sorted(set().union(*channels.values())):
            for language in sorted(language for language, has in channels.items() if channel not in has):
                yield Problem(f"wordings.{language}.{channel}", "missing_language")
        known = frozenset(self.placeholders)
        for language, wording in self.wordings.items():
            yield from _problems(f"wordings.{language}", wording, known, own_addresses)

    def channels(self) -> frozenset[Channel]:
        """Those it has a text for, in every language."""
        return frozenset.intersection(*(frozenset(_channels(one)) for one in self.wordings.values()))

    def render(self, channel: Channel, language: Language, values: Mapping[str, str]) -> Rendered:
        """`values`: of all placeholders. Raises TextTooLong for an SMS of too many parts."""
        wording = self.wordings[language]
        match channel:
            case Channel.INBOX:
                return Rendered(
                    subject=TextTemplate(wording.inbox.title).fill(values),
                    text=TextTemplate(wording.inbox.text).fill(values),
                    language=language,
                )
            case Channel.SMS:
                assert wording.sms is not None
                text = TextTemplate(wording.sms.text).fill(values)
                if segments(text) > wording.sms.segments:
                    raise TextTooLong
                return Rendered(text=text, language=language)
            case Channel.EMAIL:
                assert wording.email is not None
                return Rendered(
                    subject=TextTemplate(wording.email.subject).fill(values),
                    text=TextTemplate(wording.email.text).fill(values),
                    html=HtmlTemplate(wording.email.html).fill(values),
                    language=language,
                )
            case Channel.WHATSAPP:
                assert wording.whatsapp is not None
                return Rendered(
                    template=wording.whatsapp.template,
                    parameters=tuple(
                        TextTemplate(f"{{{{{name}}}}}").fill(values) for name in wording.whatsapp.parameters
                    ),
                    language=language,
                )


def _channels(wording: Wording) -> set[Channel]:
    return {channel for channel in Channel if getattr(wording, channel.value) is not None}


def _problems(
    place: str, wording: Wording, known: frozenset[str], own_addresses: tuple[str, ...]
) -> Iterator[Problem]:
    for name, text in wording.texts():
        for code in text.problems(known=known, own_addresses=own_addresses):
            yield Problem(f"{place}.{name}", code)
    for name, line in (("inbox.title", wording.inbox.title), ("email.subject", _subject(wording))):
        if "\n" in line or "\r" in line:
            yield Problem(f"{place}.{name}", "line_break")
    if wording.whatsapp is not None:
        for name in sorted(set(wording.whatsapp.parameters) - known):
            yield Problem(f"{place}.whatsapp.parameters", f"unknown_placeholder:{name}")


def _subject(wording: Wording) -> str:
    return wording.email.subject if wording.email is not None else ""
