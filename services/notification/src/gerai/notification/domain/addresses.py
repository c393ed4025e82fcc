"""Phone numbers and e-mail addresses as people type them, brought to one form or refused."""

import re
from dataclasses import dataclass
from typing import ClassVar

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from gerai.contracts.text import hidden_at
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind

HOME = "ID"
LONGEST = 254
"""Of an e-mail address (RFC 5321); no phone number that somebody types is longer."""
TYPED = re.compile(r"[0-9 ()+./\u00a0-]*")
MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


class UnableToUseAddress(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "not_a_phone_number": LocalizedText(
            "Ini bukan nomor telepon. Contoh: 0812 3456 7890.",
            "This is not a phone number. Example: 0812 3456 7890.",
        ),
        "phone_number_not_in_use": LocalizedText(
            "Nomor telepon seperti ini tidak ada.", "There is no phone number like this."
        ),
        "not_a_mobile_number": LocalizedText(
            "Nomor ini tidak dapat menerima pesan; gunakan nomor ponsel.",
            "This number cannot receive messages; use a mobile number.",
        ),
        "not_an_email_address": LocalizedText("Ini bukan alamat email.", "This is not an e-mail address."),
    }


@dataclass(frozen=True)
class PhoneNumber:
    """A mobile number in E.164 form: "+6281234567890"."""

    e164: str

    @classmethod
    def read(cls, typed: str) -> "PhoneNumber":
        """From any form that people type: 0812…, 62812…, +62 812-…, with dots, dashes, spaces and brackets.

        Raises UnableToUseAddress.
        """
        if len(typed) > LONGEST or not TYPED.fullmatch(typed) or (number := _parsed(typed)) is None:
            raise UnableToUseAddress("not_a_phone_number")
        if not phonenumbers.is_valid_number(number):
            raise UnableToUseAddress("phone_number_not_in_use")
        if phonenumbers.number_type(number) not in MOBILE:
            raise UnableToUseAddress("not_a_mobile_number")
        return cls(phonenumbers.format_number(number, PhoneNumberFormat.E164))

    @property
    def masked(self) -> str:
        """For lists and logs: "+62********7890"."""
        return f"{self.e164[:3]}{'*' * (len(self.e164) - 7)}{self.e164[-4:]}"

    def __repr__(self) -> str:
        return f"PhoneNumber({self.masked})"


def _parsed(typed: str) -> phonenumbers.PhoneNumber | None:
    """As an Indonesian number where no country is named. Many write 62812… without the plus, or 0062812…."""
    digits = typed.strip()
    for text in (digits, f"+{digits}", f"+{digits.removeprefix('00')}"):
        try:
            number = phonenumbers.parse(text, HOME)
        except NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return number
    try:
        return phonenumbers.parse(typed, HOME)
    except NumberParseException:
        return None


@dataclass(frozen=True)
class EmailAddress:
    """An address in the one form in which it is kept and compared: the domain in lower case, as ASCII."""

    text: str

    @classmethod
    def read(cls, typed: str) -> "EmailAddress":
        """Raises UnableToUseAddress, also for line breaks and hidden characters: they would become headers."""
        typed = typed.strip(" ")
        if len(typed) > LONGEST or hidden_at(typed) is not None:
            raise UnableToUseAddress("not_an_email_address")
        try:
            read = validate_email(typed, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError:
            raise UnableToUseAddress("not_an_email_address") from None
        if read.ascii_email is None or len(read.ascii_email) > LONGEST:
            raise UnableToUseAddress("not_an_email_address")
        return cls(read.ascii_email)

    @property
    def masked(self) -> str:
        """For lists and logs: "s***@dinas.go.id"."""
        local, _, domain = self.text.rpartition("@")
        return f"{local[:1]}***@{domain}"

    def __repr__(self) -> str:
        return f"EmailAddress({self.masked})"
