"""Phone numbers and e-mail addresses as people type them."""

import pytest

from gerai.notification.domain.addresses import EmailAddress, PhoneNumber, UnableToUseAddress


class TestPhoneNumbers:
    @pytest.mark.parametrize(
        "typed",
        [
            "081234567890",
            "0812-3456-7890",
            "0812 3456 7890",
            "0812.3456.7890",
            "(0812) 3456 7890",
            "6281234567890",
            "62 812 3456 7890",
            "+6281234567890",
            "+62 812-3456-7890",
            " +62 (0)812 3456 7890 ",
            "81234567890",
            "006281234567890",
        ],
    )
    def test_every_form_that_people_type_is_one_number(self, typed: str):
        assert PhoneNumber.read(typed).e164 == "+6281234567890"

    def test_a_number_of_another_country_keeps_its_country(self):
        assert PhoneNumber.read("+65 8123 4567").e164 == "+6581234567"

    @pytest.mark.parametrize(
        ("typed", "code"),
        [
            ("", "not_a_phone_number"),
            ("tidak ada", "not_a_phone_number"),
            ("0812", "phone_number_not_in_use"),
            ("0812345678901234567890", "not_a_phone_number"),
            ("081234567890\nBcc: x", "not_a_phone_number"),
            ("0" * 5_000, "not_a_phone_number"),
            ("(021) 345 7890", "not_a_mobile_number"),
            ("0401 3121234", "not_a_mobile_number"),
            ("112", "phone_number_not_in_use"),
            ("081234567890 ext. 5", "not_a_phone_number"),
        ],
    )
    def test_what_cannot_receive_a_message_is_refused_by_name(self, typed: str, code: str):
        with pytest.raises(UnableToUseAddress) as refused:
            PhoneNumber.read(typed)
        assert refused.value.code == code

    def test_it_is_never_shown_whole(self):
        number = PhoneNumber.read("081234567890")
        assert number.masked == "+62*******7890"
        assert "123456" not in repr(number)


class TestEmailAddresses:
    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            ("siti@Contoh.GO.ID", "siti@contoh.go.id"),
            ("  siti@contoh.go.id ", "siti@contoh.go.id"),
            ("siti+izin@contoh.go.id", "siti+izin@contoh.go.id"),
            ("siti@bücher.example.com", "siti@xn--bcher-kva.example.com"),
            ("siti@xn--bcher-kva.example.com", "siti@xn--bcher-kva.example.com"),
        ],
    )
    def test_one_form_is_kept(self, typed: str, kept: str):
        assert EmailAddress.read(typed).text == kept

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "siti",
            "siti@",
            "@contoh.go.id",
            "siti@contoh.go.id\nBcc: semua@contoh.go.id",
            "siti@contoh.go.id\r\nSubject: x",
            "siti@contoh.go.id\u202e",
            "siti @contoh.go.id",
            '"Siti" <siti@contoh.go.id>',
            "siti@contoh.go.id, budi@contoh.go.id",
            "siti@[127.0.0.1]",
            "s" * 64 + "@" + "d" * 186 + ".go.id",
        ],
    )
    def test_what_is_none_is_refused(self, typed: str):
        with pytest.raises(UnableToUseAddress) as refused:
            EmailAddress.read(typed)
        assert refused.value.code == "not_an_email_address"

    def test_254_characters_are_taken_and_255_are_not(self):
        domain = ".".join(["d" * 60] * 3) + ".go.id"
        longest = "s" * (254 - len(domain) - 1 - 0)
        address = f"{longest[:60]}@{domain}"
        assert EmailAddress.read(address).text == address
        with pytest.raises(UnableToUseAddress):
            EmailAddress.read("s" * 64 + "@" + ".".join(["d" * 62] * 3) + ".example.id")

    def test_it_is_never_shown_whole(self):
        address = EmailAddress.read("siti@contoh.go.id")
        assert address.masked == "s***@contoh.go.id"
        assert "siti" not in repr(address)
