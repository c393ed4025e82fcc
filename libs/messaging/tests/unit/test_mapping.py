"""Whatever an aggregate may hold is the same after it was a document; what has no form is refused with its class."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError, model_validator
from pydantic_core import CoreSchema, core_schema

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.mapping import NewerDocument, UnreadableDocument
from gerai.messaging.shapes import Unmappable, stored

AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)
WITA = timezone(timedelta(hours=8))


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Plate(str):
    """A value object that is text."""

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> CoreSchema:
        return core_schema.is_instance_schema(cls)


class Corner(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    id: str = ""
    """A part's own id stays what it is called."""
    fee: Decimal | None = None
    due: date | None = None
    at: datetime | None = None
    colour: Colour = Colour.RED


class Everything(Aggregate):
    """A field of each type that a document knows."""

    collection: ClassVar[str] = "everything"

    text: str = ""
    number: int = 0
    share: float = 0.0
    yes: bool = False
    raw: bytes = b""
    day: date
    moment: datetime
    fee: Decimal
    reference: UUID
    plate: Plate
    colour: Colour
    level: Level | None = None
    kind: Literal["a", "b"] = "a"
    corner: Corner
    other: Corner | None = None
    corners: tuple[Corner, ...] = ()
    days: tuple[date, ...] = ()
    pair: tuple[str, Decimal] = ("", Decimal(0))
    gaps: tuple[date | None, ...] = ()
    anything: str | int | bool | None = None
    mixed: tuple[int | float | bool, ...] = ()
    colours: frozenset[Colour] = frozenset()
    holidays: frozenset[date] = frozenset()
    words: Mapping[Annotated[str, Field(max_length=9)], str] = {}
    fees: dict[Colour, Decimal] = Field(default_factory=dict)
    preset: str | None = "preset"
    """Without a value is something else than not stated."""


FIRST = datetime(1900, 1, 1, tzinfo=UTC)
instants = st.integers(0, 300 * 366 * 86_400_000).map(lambda value: FIRST + timedelta(milliseconds=value))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
decimals = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20)
corners = st.builds(
    Corner,
    name=texts,
    id=texts,
    fee=st.none() | decimals,
    due=st.none() | st.dates(),
    at=st.none() | instants,
    colour=st.sampled_from(Colour),
)
everything = st.builds(
    Everything,
    id=texts,
    tenant=texts,
    text=texts,
    number=st.integers(-(2**63), 2**63 - 1),
    share=st.floats(allow_nan=False),
    yes=st.booleans(),
    raw=st.binary(max_size=8),
    day=st.dates(),
    moment=instants,
    fee=decimals,
    reference=st.uuids(),
    plate=texts.map(Plate),
    colour=st.sampled_from(Colour),
    level=st.none() | st.sampled_from(Level),
    kind=st.sampled_from(["a", "b"]),
    corner=corners,
    other=st.none() | corners,
    corners=st.lists(corners, max_size=3).map(tuple),
    days=st.lists(st.dates(), max_size=3).map(tuple),
    pair=st.tuples(texts, decimals),
    gaps=st.lists(st.none() | st.dates(), max_size=3).map(tuple),
    anything=st.none() | texts | st.integers(-9, 9) | st.booleans(),
    mixed=st.lists(st.integers(-9, 9) | st.floats(allow_nan=False) | st.booleans(), max_size=4).map(tuple),
    colours=st.frozensets(st.sampled_from(Colour)),
    holidays=st.frozensets(st.dates(), max_size=3),
    words=st.dictionaries(names, texts, max_size=3),
    fees=st.dictionaries(st.sampled_from(Colour), decimals, max_size=2),
    preset=st.none() | texts,
)


def as_kept(document: Mapping[str, Any]) -> dict[str, Any]:
    return bson.decode(bson.encode(document), AWARE)


def exact(value: Any) -> Any:
    """With the type of each part, and with all digits of a Decimal."""
    match value:
        case BaseModel():
            return type(value), {name: exact(part) for name, part in value.__dict__.items()}
        case Mapping():
            return {name: exact(part) for name, part in value.items()}
        case tuple() | frozenset():
            return type(value), type(value)(exact(part) for part in value)
        case datetime():
            return value.utctimetuple(), value.microsecond, value.utcoffset()
        case Decimal():
            return value.as_tuple()
        case _:
            return type(value), value


class TestRoundTrip:
    @given(everything)
    def test_a_state_is_exactly_the_same_after_it_was_stored(self, state: Everything) -> None:
        assert exact(Everything.from_document(as_kept(state.document()))) == exact(state)

    @given(everything, everything)
    def test_an_update_makes_the_document_of_the_new_state(self, old: Everything, new: Everything) -> None:
        new.id = old.id
        stored_one = as_kept(old.document())
        update = as_kept(new.update_of(Everything.from_document(dict(stored_one))))
        left = {name: value for name, value in stored_one.items() if name not in update.get("$unset", {})}
        assert {**left, **update["$set"]} == as_kept(new.document())

    @given(everything)
    def test_a_document_is_what_the_store_gives_back(self, state: Everything) -> None:
        """So nothing is cut or turned behind the mapping's back."""
        assert as_kept(state.document()) == state.document()

    @given(st.dates() | decimals | instants | st.sampled_from(Colour) | texts | st.uuids())
    def test_what_a_store_is_asked_for_has_the_form_that_it_has_there(self, value: object) -> None:
        class Held(Aggregate):
            collection: ClassVar[str] = "held"
            it: type(value)  # type: ignore[valid-type]

        held = Held(id="a", tenant="t", it=value)
        assert stored(value) == held.document()["it"]
        assert stored({"$in": (value,)}) == {"$in": [held.document()["it"]]}


SAMPLE = Everything(
    id="a",
    tenant="t",
    day=date(2026, 11, 28),
    moment=datetime(2026, 11, 28, 8, 0, 0, 123_999, tzinfo=WITA),
    fee=Decimal("1250000.50"),
    reference=UUID(int=1),
    plate=Plate("DT 1"),
    colour=Colour.RED,
    corner=Corner(name="x"),
)


class TestForms:
    def test_are_plain_and_sort_as_their_values_do(self) -> None:
        document = SAMPLE.document()
        assert document["day"] == "2026-11-28"
        assert str(document["fee"]) == "1250000.50"
        assert (document["colour"], document["plate"]) == ("red", "DT 1")
        assert type(document["colour"]) is type(document["plate"]) is str
        assert document["corner"] == {"name": "x", "id": "", "colour": "red"}

    def test_an_instant_is_cut_to_the_millisecond_in_utc(self) -> None:
        assert SAMPLE.document()["moment"] == datetime(2026, 11, 28, 0, 0, 0, 123_000, tzinfo=UTC)

    def test_nothing_is_written_for_what_is_none_unless_it_would_be_read_as_something_else(self) -> None:
        document = SAMPLE.document()
        assert "level" not in document and "other" not in document
        state = SAMPLE.forked()
        state.preset = None
        assert Everything.from_document(state.document()).preset is None
        del document["preset"]
        assert Everything.from_document(document).preset == "preset"

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("moment", datetime(2026, 11, 28)),  # noqa: DTZ001  that is the fault
            ("day", datetime(2026, 11, 28, tzinfo=UTC)),
            ("fee", Decimal("NaN")),
            ("fee", Decimal("1." + "3" * 34)),
            ("colour", "red, as text"),
            ("corner", SAMPLE),
        ],
    )
    def test_a_value_that_would_not_come_back_is_not_written(self, field: str, value: object) -> None:
        state = SAMPLE.forked()
        setattr(state, field, value)
        with pytest.raises((ValueError, TypeError, AttributeError, ArithmeticError)):
            state.document()


class Stricter(BaseModel):
    """Has a rule that was not there yesterday."""

    size: Annotated[int, Field(le=3)]

    @model_validator(mode="after")
    def _never(self) -> "Stricter":
        raise ValueError("refuses all that is stated today")


class TestReading:
    def test_asks_for_no_rule_of_today(self) -> None:
        class Kept(Aggregate):
            collection: ClassVar[str] = "kept"
            part: Stricter

        with pytest.raises(ValidationError):
            Kept.model_validate({"id": "a", "tenant": "t", "part": {"size": 9}})
        assert Kept.from_document({"_id": "a", "tenant": "t", "part": {"size": 9}}).part.size == 9

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("text", 7),
            ("number", "7"),
            ("day", "7"),
            ("moment", "2026-11-28"),
            ("fee", "1.50"),
            ("colour", "green"),
            ("corner", {}),
            ("corners", None),
            ("tenant", None),
        ],
    )
    def test_refuses_another_form_and_says_where_but_not_what(self, field: str, value: Any) -> None:
        with pytest.raises(UnreadableDocument) as refused:
            Everything.from_document({**SAMPLE.document(), field: value})
        assert field in str(refused.value)
        assert "green" not in str(refused.value)

    def test_a_field_that_this_version_does_not_know_is_left_alone(self) -> None:
        found = Everything.from_document({**SAMPLE.document(), "newer": 1})
        changed = found.forked()
        changed.text = "b"
        assert changed.update_of(found) == {"$set": {"text": "b"}}

    def test_in_a_nested_value_it_is_refused_since_it_would_be_lost(self) -> None:
        document = SAMPLE.document()
        document["corner"]["newer"] = 1
        with pytest.raises(UnreadableDocument, match="corner"):
            Everything.from_document(document)


class Loose(BaseModel):
    model_config = ConfigDict(extra="allow")


class Secretive(BaseModel):
    _hidden: int = 0


class Names(RootModel[tuple[str, ...]]):
    pass


class Odd(Enum):
    HALF = 0.5


class TestClasses:
    @pytest.mark.parametrize(
        "kind",
        [
            Any,
            object,
            timedelta,
            list[str],
            set[str],
            dict[int, str],
            dict[date, str],
            frozenset[Corner],
            str | date,
            tuple[Corner | Stricter, ...],
            Loose,
            Secretive,
            Names,
            Odd,
            Literal[b"x"],
        ],
        ids=str,
    )
    def test_with_a_field_of_no_known_form_are_refused_when_they_are_defined(self, kind: Any) -> None:
        with pytest.raises(Unmappable, match="held"):

            class Held(Aggregate):
                collection: ClassVar[str] = "held"
                held: kind

    def test_must_say_every_step_from_the_first_schema_on(self) -> None:
        with pytest.raises(Unmappable, match="upgrade"):

            class Held(Aggregate):
                collection: ClassVar[str] = "held"
                schema_number: ClassVar[int] = 3
                upgrades: ClassVar = {2: dict}

    @pytest.mark.filterwarnings("ignore:Field name")
    @pytest.mark.parametrize("name", ["schema"])
    def test_cannot_use_the_names_that_documents_need(self, name: str) -> None:
        with pytest.raises(Unmappable, match=name):
            type("Held", (Aggregate,), {"__annotations__": {name: str}, "__module__": __name__})


def split_name(document: dict[str, Any]) -> dict[str, Any]:
    document["given"], _, document["family"] = document.pop("name").partition(" ")
    return document


def count_from_one(document: dict[str, Any]) -> dict[str, Any]:
    document["number"] += 1
    return document


class Person(Aggregate):
    collection: ClassVar[str] = "people"
    schema_number: ClassVar[int] = 3
    upgrades: ClassVar = {1: split_name, 2: count_from_one}

    given: str
    family: str
    number: int


class TestUpgrades:
    OLD: ClassVar[dict[str, Any]] = {"_id": "a", "tenant": "t", "name": "Wa Ode", "number": 0, "other": 1}

    def test_bring_a_document_step_by_step_to_the_present_form(self) -> None:
        found = Person.from_document(dict(self.OLD))
        assert (found.given, found.family, found.number) == ("Wa", "Ode", 1)
        between = {"_id": "a", "tenant": "t", "given": "Wa", "family": "Ode", "number": 0, "schema": 2}
        assert Person.from_document(between).number == 1

    def test_the_next_change_writes_all_of_the_new_form_and_takes_away_the_old_one(self) -> None:
        found = Person.from_document(dict(self.OLD))
        changed = found.forked()
        changed.family = "Muna"
        update = changed.update_of(found)
        assert update["$set"]["schema"] == 3
        assert (update["$set"]["given"], update["$set"]["family"]) == ("Wa", "Muna")
        assert "name" in update["$unset"] and "other" not in update["$unset"]
        assert changed.forked().update_of(changed) == {"$set": {}}

    def test_a_document_of_a_newer_version_is_refused_by_name(self) -> None:
        with pytest.raises(NewerDocument, match="schema 4"):
            Person.from_document({**self.OLD, "schema": 4})

    def test_a_step_that_fails_is_named(self) -> None:
        with pytest.raises(UnreadableDocument, match="from 1"):
            Person.from_document({"_id": "a", "tenant": "t"})
