"""What the loudspeaker says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gerai.queue.domain.announcement import announcement, in_words


def test_reads_letters_and_digits_one_by_one_and_the_desk_as_a_number():
    assert announcement("A-012", "Loket 3") == "Nomor antrean A nol satu dua, silakan menuju loket tiga"
    assert (
        announcement("AB-105", "Loket 12")
        == "Nomor antrean A B satu nol lima, silakan menuju loket dua belas"
    )


def test_says_the_date_of_a_number_that_is_not_todays():
    assert (
        announcement("A-005", "Loket 2", other_day="2026-11-24")
        == "Nomor antrean A nol nol lima, tanggal dua puluh empat November, silakan menuju loket dua"
    )
    assert announcement("A-005", "Loket 2", other_day="2026-12-01").count("tanggal satu Desember")


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0", "nol"),
        ("10", "sepuluh"),
        ("11", "sebelas"),
        ("19", "sembilan belas"),
        ("20", "dua puluh"),
        ("21", "dua puluh satu"),
        ("100", "seratus"),
        ("111", "seratus sebelas"),
        ("999", "sembilan ratus sembilan puluh sembilan"),
        ("07", "nol tujuh"),
        ("1000", "satu nol nol nol"),
    ],
)
def test_numbers_are_said_as_localized_them(digits, words):
    assert in_words(digits) == words


@given(name=st.text(max_size=40))
def test_every_name_of_a_desk_can_be_said(name):
    assert announcement("A-001", name).startswith("Nomor antrean A nol nol satu, silakan menuju ")
