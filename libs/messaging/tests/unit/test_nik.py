"""What can be a NIK, and how it is shown."""

import pytest
from pydantic import BaseModel

from gerai.messaging.nik import Nik, UnableToReadNik, masked

GOOD = "7413050112900001"


class TestReading:
    @pytest.mark.parametrize(
        "digits",
        [
            GOOD,
            "7413054112900001",
            "7413057112910001",
            "7413052902000001",
            "741305 011290 0001",
            "7413.05-011290.0001",
        ],
    )
    def test_takes_what_can_be_one(self, digits: str) -> None:
        assert Nik(digits) == digits.replace(" ", "").replace(".", "").replace("-", "")

    @pytest.mark.parametrize(
        ("digits", "code"),
        [
            ("741305011290000", "nik_length"),
            (GOOD + "1", "nik_length"),
            ("741305011290000a", "nik_length"),
            ("\u0667" * 16, "nik_length"),
            ("0913050112900001", "nik_place"),
            ("7400050112900001", "nik_place"),
            ("7413000112900001", "nik_place"),
            ("7413050012900001", "nik_birth"),
            ("7413053212900001", "nik_birth"),
            ("7413054012900001", "nik_birth"),
            ("7413057212900001", "nik_birth"),
            ("7413050113900001", "nik_birth"),
            ("7413053002900001", "nik_birth"),
            ("7413052902010001", "nik_birth"),
            ("7413050112900000", "nik_serial"),
        ],
    )
    def test_refuses_what_cannot_and_repeats_nothing_of_it(self, digits: str, code: str) -> None:
        with pytest.raises(UnableToReadNik) as refused:
            Nik(digits)
        assert refused.value.code == code
        assert digits not in f"{refused.value}{refused.value.details}{refused.value.text('en')}"


class Form(BaseModel):
    nik: Nik


class TestShowing:
    def test_shows_both_ends_and_no_more(self) -> None:
        assert Nik(GOOD).masked == "7413********0001"
        assert GOOD not in repr(Nik(GOOD)) + repr(Form(nik=Nik(GOOD)))

    def test_a_short_text_shows_nothing(self) -> None:
        assert masked("081234567890") == "0812****7890"
        assert masked("12345678901") == "*" * 11
