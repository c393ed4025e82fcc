"""What is sealed opens in its place, with its key, and nowhere else."""

from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from personal_cards import Address, Card, card

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.cipher import KeysNotHere, Place, Unopenable
from gerai.messaging.memory.keys import MemoryWrappingKeys
from gerai.messaging.personal import FORGOTTEN, EncryptedFor, Personal, normalised
from gerai.messaging.sealing import DataKey, KeyedCipher, UnknownWrappingKey
from gerai.messaging.shapes import Unmappable

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.text("abc:\0 ", min_size=1, max_size=4)
places = st.builds(Place, ids, ids, ids, ids)
values = texts | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(texts, max_size=3) | st.none()


def cipher(*rows: str) -> KeyedCipher:
    return KeyedCipher({row: DataKey.new() for row in rows})


class TestSealing:
    @given(places, values)
    def test_any_value_comes_back(self, place: Place, value: object) -> None:
        keys = cipher(f"{place.tenant}:p1")
        assert keys.open("p1", place, keys.seal("p1", place, value)) == value

    @given(places, places, ids, ids)
    def test_it_opens_in_no_other_place_and_for_nobody_else(
        self, place: Place, other: Place, subject: str, somebody: str
    ) -> None:
        """Though the key is the same: whatever makes a difference is authenticated."""
        key = DataKey.new()
        keys = KeyedCipher(
            {f"{tenant}:{one}": key for tenant in (place.tenant, other.tenant) for one in (subject, somebody)}
        )
        sealed = keys.seal(subject, place, "x")
        if (place, subject) == (other, somebody):
            assert keys.open(somebody, other, sealed) == "x"
        else:
            with pytest.raises(Unopenable):
                keys.open(somebody, other, sealed)

    @given(st.data())
    def test_no_byte_of_it_can_be_changed(self, data: st.DataObject) -> None:
        keys, place = cipher("t:p1"), Place("t", "c", "i", "f")
        sealed = bytearray(keys.seal("p1", place, "text"))
        sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(Unopenable):
            keys.open("p1", place, bytes(sealed))

    @given(st.binary(max_size=40))
    def test_what_was_never_sealed_does_not_open(self, raw: bytes) -> None:
        with pytest.raises(Unopenable):
            cipher("t:p1").open("p1", Place("t", "c", "i", "f"), raw)

    def test_equal_values_are_sealed_differently(self) -> None:
        keys, place = cipher("t:p1"), Place("t", "c", "i", "f")
        assert len({keys.seal("p1", place, "x") for _ in range(50)}) == 50

    def test_a_key_shows_nothing_of_itself(self) -> None:
        key = DataKey.new()
        assert key.secret.hex() not in repr(key) and repr(key.secret) not in repr(key)


class TestHashes:
    @given(texts, ids)
    def test_are_equal_for_equal_texts_of_a_regency_and_purpose_alone(self, text: str, tenant: str) -> None:
        key = DataKey.new()
        hashed = key.hash(text, tenant, "cards.number")
        assert hashed == key.hash(text, tenant, "cards.number")
        others = {
            key.hash(text + "x", tenant, "cards.number"),
            key.hash(text, tenant + "x", "cards.number"),
            key.hash(text, tenant, "letters.number"),
            DataKey.new().hash(text, tenant, "cards.number"),
        }
        assert len(others | {hashed}) == 5

    def test_neither_case_nor_composition_nor_spaces_around_count(self) -> None:
        assert normalised(" Jose\u0301 ") == normalised("JOSÉ")


class TestWrapping:
    def test_a_wrapped_key_opens_in_its_own_row_alone(self) -> None:
        keys, key = MemoryWrappingKeys(), DataKey.new()
        wrapped, by = key.wrapped(keys, "t:p1")
        assert by == "2026-01-01"
        assert DataKey.unwrapped(wrapped, keys, "t:p1") == key
        with pytest.raises(Unopenable):
            DataKey.unwrapped(wrapped, keys, "t:p2")
        assert key.secret not in wrapped

    def test_the_newest_key_wraps_and_all_unwrap(self) -> None:
        keys, key = MemoryWrappingKeys(), DataKey.new()
        old, _ = key.wrapped(keys, "t:p1")
        keys.add("2026-06-01")
        new, by = key.wrapped(keys, "t:p1")
        assert by == "2026-06-01"
        assert DataKey.unwrapped(old, keys, "t:p1") == DataKey.unwrapped(new, keys, "t:p1") == key
        del keys.held["2026-01-01"]
        with pytest.raises(UnknownWrappingKey, match="2026-01-01"):
            DataKey.unwrapped(old, keys, "t:p1")


KEYS = KeyedCipher({"muna-barat:p1": DataKey.new(), "muna-barat:": DataKey.new()})


class TestDocuments:
    @given(
        texts,
        st.none() | texts,
        st.none() | st.builds(Address, street=texts, number=st.none() | st.integers(0, 9)),
    )
    def test_a_state_comes_back_and_nothing_stands_in_clear(
        self, name: str, number: str | None, address: Address | None
    ) -> None:
        one = card(name=name, number=number, address=address)
        document = one.document(KEYS)
        assert all(isinstance(document.get(field, b""), bytes) for field in ("name", "number", "address"))
        again = Card.from_document(document, KEYS)
        assert (again.name, again.number, again.address) == (name, number, address)

    def test_without_keys_nothing_is_written_or_read(self) -> None:
        with pytest.raises(KeysNotHere):
            card().document()
        with pytest.raises(KeysNotHere):
            Card.from_document(card().document(KEYS))

    def test_of_nobody_is_not_written(self) -> None:
        with pytest.raises(ValueError, match="party_id"):
            card(party_id="").document(KEYS)

    def test_a_new_one_may_be_made_of_a_forgotten_value(self) -> None:
        document = card(name=FORGOTTEN).document(KEYS)  # type: ignore[arg-type]
        assert Card.from_document(document).name is FORGOTTEN

    def test_what_nobody_can_seal_anew_is_left_as_it_stands(self) -> None:
        """A key that is missing by mistake may come back."""
        gone = KeyedCipher({"muna-barat:p1": FORGOTTEN})
        read = Card.from_document(card(number="1").document(KEYS), gone)
        changed = read.forked()
        changed.party_id = "p2"
        for value in (changed.name, FORGOTTEN):  # assigned or not: it was so before
            changed.name = value
            update = changed.update_of(read)
            assert update["$set"] == {"party_id": "p2"}
            assert not {"name", "number", "number_hash"} & update.get("$unset", {}).keys()


class TestClasses:
    @pytest.mark.parametrize(
        ("fields", "why"),
        [
            ({"it": Annotated[str, EncryptedFor("party_id")]}, "Personal"),
            ({"it": Annotated[Personal[str], EncryptedFor("nobody")]}, "nobody"),
            ({"it": Annotated[Personal[str], EncryptedFor("version")]}, "version"),
            ({"it": Annotated[Personal[str], EncryptedFor("it")]}, "no field"),
            ({"it": Annotated[Personal[int], EncryptedFor("party_id", searchable=True)]}, "searched"),
            (
                {"it": Annotated[Personal[str], EncryptedFor("party_id", searchable=True)], "it_hash": str},
                "it_hash",
            ),
            ({"it": Personal[str]}, "several types"),
        ],
    )
    def test_that_do_not_say_clearly_whose_a_field_is_are_refused(
        self, fields: dict[str, Any], why: str
    ) -> None:
        annotations = {"party_id": str, **fields}
        with pytest.raises(Unmappable, match=why):
            type(
                "Held",
                (Aggregate,),
                {"__annotations__": annotations, "__module__": __name__, "collection": "x"},
            )

    def test_that_a_process_remembers_are_refused(self) -> None:
        with pytest.raises(Unmappable, match="outlive"):

            class Held(Aggregate):
                collection: ClassVar[str] = "x"
                warm: ClassVar[bool] = True
                party_id: str
                it: Annotated[Personal[str], EncryptedFor("party_id")]
