"""How each type of value stands in a document. What is not here cannot be a field of an aggregate.

| in the aggregate | in the document |
| --- | --- |
| `str`, `int`, `float`, `bool`, `bytes`, `Literal` of these | as it is |
| one of several of `str`, `int`, `float`, `bool` | as it is |
| `datetime` | BSON date: an instant in UTC, to the millisecond; a naive one is refused |
| `date` | ISO text, "2026-11-28" |
| `Decimal` | Decimal128: exact up to 34 digits, and compared as a number by the store |
| `Enum` | its value |
| `UUID`; a class that derives from `str` | text |
| a pydantic model | a document, without what is None |
| `tuple`, `frozenset` | an array; a set's in order |
| `Mapping[str, …]`, `dict[str, …]` | a document |

A date is text because BSON has no type for it: as a BSON date at midnight it would be an instant, which is another day
for whoever shows it in another zone. Text sorts and compares as the date does.

Documents are read by pydantic's core, which checks types and makes the instances; a class's own validators are not
called. They hold for what somebody states today. A rule that becomes stricter must not make unreadable what was kept
under the one before.
"""

import types
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from types import MappingProxyType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from bson.decimal128 import Decimal128
from bson.tz_util import utc as store_utc
from pydantic import BaseModel, RootModel
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema
from pydantic_core import core_schema as reading

from gerai.messaging.personal import EncryptedFor, Forgotten

Encode = Callable[[Any], Any] | None
"""From a value to what stands in a document; None: it stands there as it is."""
MILLISECOND = 1_000
"""In microseconds."""


class Unmappable(TypeError):
    """A class has a field of which nobody has said how it stands in a document."""


class Shape(NamedTuple):
    """Of a type."""

    encode: Encode
    read: CoreSchema
    """How pydantic's core makes a value of what stands in a document."""
    sorts: bool = False
    is_text: bool = False


def stored(value: Any) -> Any:
    """A value as a document holds it, by the value alone; for what a store is asked for."""
    match value:
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case Decimal():
            return _decimal(value)
        case Enum():
            return value.value
        case UUID():
            return str(value)
        case Mapping():
            return {name: stored(part) for name, part in value.items()}
        case tuple() | list() | set() | frozenset():
            return [stored(part) for part in value]
        case _:
            return value


def _instant(value: datetime) -> datetime:
    """The one place where instants are cut: to the millisecond, as the store keeps them."""
    zone = value.tzinfo
    if zone is not UTC and zone is not store_utc:
        if zone is None:
            raise ValueError("an instant without its zone")
        value = value.astimezone(UTC)
    beyond = value.microsecond % MILLISECOND
    return value.replace(microsecond=value.microsecond - beyond) if beyond else value


def _day(value: date) -> str:
    if value.__class__ is not date:
        raise TypeError("an instant where a date belongs")
    return value.isoformat()


def _decimal(value: Decimal) -> Decimal128:
    if not value.is_finite():
        raise ValueError("a Decimal that is no number")
    return Decimal128(value)


SCALARS: Mapping[Any, Shape] = {
    str: Shape(None, reading.str_schema(strict=True), sorts=True, is_text=True),
    bool: Shape(None, reading.bool_schema(strict=True)),
    bytes: Shape(None, reading.bytes_schema(strict=True)),
    int: Shape(None, reading.int_schema(strict=True), sorts=True),
    float: Shape(float, reading.float_schema()),
    datetime: Shape(_instant, reading.is_instance_schema(datetime)),  # a store gives aware ones alone
    date: Shape(_day, reading.date_schema(), sorts=True),
    Decimal: Shape(
        _decimal,
        reading.no_info_after_validator_function(
            Decimal128.to_decimal, reading.is_instance_schema(Decimal128)
        ),
    ),
    UUID: Shape(str, reading.uuid_schema(), sorts=True),
}


TOLD_APART = frozenset({str, bool, int, float})
"""Of these BSON keeps which it was."""


def shape_of(annotation: Any, place: str) -> Shape:
    """Raises Unmappable. `place`: class and field, for its message."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if (scalar := SCALARS.get(annotation)) is not None:
        return scalar
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return _literal(parts, place)
    if origin in (Union, types.UnionType):
        return _union(annotation, place)
    if origin is tuple:
        return _tuple(parts, place)
    if origin is frozenset:
        return _frozenset(parts[0], place)
    if origin in (dict, Mapping):
        return _mapping(parts[0], parts[1], place)
    if isinstance(annotation, type):
        return _class(annotation, place)
    raise Unmappable(f"{place}: {annotation!r} has no form in a document")


def _class(kind: type, place: str) -> Shape:
    if issubclass(kind, Enum):
        members = list(kind)
        if not all(isinstance(member.value, str | int) for member in members):
            raise Unmappable(f"{place}: {kind.__name__} has values that are neither text nor numbers")
        of_members = reading.enum_schema(kind, members)
        return Shape(attrgetter("_value_"), of_members, sorts=True, is_text=issubclass(kind, str))
    if issubclass(kind, str):
        read = reading.no_info_after_validator_function(kind, reading.str_schema())
        return Shape(str.__str__, read, sorts=True, is_text=True)
    if issubclass(kind, BaseModel):
        try:
            return model_shape(kind)
        except Unmappable as fault:
            raise Unmappable(f"{place}: {fault}") from None
    hint = "; the values of fields are immutable: tuple, frozenset" if kind in (list, set) else ""
    raise Unmappable(f"{place}: {kind.__name__} has no form in a document{hint}")


def _literal(values: tuple[Any, ...], place: str) -> Shape:
    if not all(value.__class__ in (str, int, bool) for value in values):
        raise Unmappable(f"{place}: a Literal of something else than text, numbers and truths")
    return Shape(None, reading.literal_schema(list(values)), sorts=True)


def _without(kind: type, annotation: Any) -> tuple[bool, Any]:
    """Whether a type is one of several, and the annotation without it."""
    parts = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else ()
    if kind not in parts:
        return False, annotation
    return True, Union[tuple(part for part in parts if part is not kind)]  # noqa: UP007


def _union(annotation: Any, place: str) -> Shape:
    may_be_none, other = _without(types.NoneType, annotation)
    if may_be_none:
        encode, read, *_ = shape_of(other, place)
        return Shape(
            None if encode is None else lambda value: None if value is None else encode(value),
            reading.nullable_schema(read),
        )
    parts = get_args(other)
    if not TOLD_APART.issuperset(parts):
        raise Unmappable(f"{place}: a document does not say which of several types a value has")
    return Shape(None, reading.union_schema([SCALARS[part].read for part in parts]))


def _tuple(parts: tuple[Any, ...], place: str) -> Shape:
    if len(parts) == 2 and parts[1] is Ellipsis:
        encode, read, *_ = shape_of(parts[0], place)
        return Shape(
            list if encode is None else lambda values: [encode(value) for value in values],
            reading.tuple_schema([read], variadic_item_index=0),
        )
    shapes = [shape_of(part, place) for part in parts]

    def encode_each(values: tuple[Any, ...]) -> list[Any]:
        return [_by(shape.encode, value) for shape, value in zip(shapes, values, strict=True)]

    return Shape(encode_each, reading.tuple_schema([shape.read for shape in shapes]))


def _by(encode: Encode, value: Any) -> Any:
    return value if encode is None else encode(value)


def _frozenset(part: Any, place: str) -> Shape:
    encode, read, sorts, _ = shape_of(part, place)
    if not sorts:
        raise Unmappable(f"{place}: a set of values that have no order")
    return Shape(
        lambda values: sorted(_by(encode, value) for value in values), reading.frozenset_schema(read)
    )


def _mapping(key: Any, value: Any, place: str) -> Shape:
    names, values = shape_of(key, place), shape_of(value, place)
    if not names.is_text:
        raise Unmappable(f"{place}: a document's names are text")
    return Shape(
        lambda held: {_by(names.encode, name): _by(values.encode, part) for name, part in held.items()},
        reading.dict_schema(names.read, values.read),
    )


@dataclass(frozen=True, slots=True)
class FieldShape:
    """One field of a model."""

    name: str
    info: FieldInfo
    shape: Shape
    may_be_none: bool
    encrypted: EncryptedFor | None

    @classmethod
    def of(cls, kind: type[BaseModel], name: str, info: FieldInfo) -> "FieldShape":
        """Raises Unmappable."""
        place = f"{kind.__name__}.{name}"
        may_be_none, annotation = _without(types.NoneType, info.annotation)
        encrypted = next((one for one in info.metadata if isinstance(one, EncryptedFor)), None)
        if encrypted is not None:
            may_be_forgotten, annotation = _without(Forgotten, annotation)
            if not may_be_forgotten:
                raise Unmappable(f"{place}: an encrypted field is a Personal[…]: it may be forgotten")
        return cls(name, info, shape_of(annotation, place), may_be_none, encrypted)

    @property
    def encode(self) -> Encode:
        return self.shape.encode

    @property
    def keeps_none(self) -> bool:
        """None is written down, because a field that is left out would be read as another value."""
        default, factory = self.info.default, self.info.default_factory
        return (
            self.may_be_none and not self.info.is_required() and (default is not None or factory is not None)
        )

    @property
    def read(self) -> reading.ModelField:
        read = self.shape.read
        if self.encrypted is not None:
            read = reading.union_schema([reading.is_instance_schema(Forgotten), read])
        if self.may_be_none:
            read = reading.nullable_schema(read)
        if not self.info.is_required():
            read = _with_default(read, self.info)
        elif self.may_be_none:
            read = reading.with_default_schema(read, default=None)
        return reading.model_field(read)


def _with_default(read: CoreSchema, info: FieldInfo) -> CoreSchema:
    if info.default_factory is None and isinstance(info.default, Hashable):
        return reading.with_default_schema(read, default=info.default)

    def anew() -> Any:
        return info.get_default(call_default_factory=True, validated_data={})

    return reading.with_default_schema(read, default_factory=anew)


def fields_of(kind: type[BaseModel]) -> tuple[FieldShape, ...]:
    """Raises Unmappable."""
    if issubclass(kind, RootModel):
        raise Unmappable(f"{kind.__name__}: a RootModel has no fields by name")
    if kind.__pydantic_post_init__ is not None or kind.__private_attributes__:
        raise Unmappable(
            f"{kind.__name__}: a document is read without model_post_init and private attributes"
        )
    if kind.model_config.get("extra") == "allow":
        raise Unmappable(f"{kind.__name__}: takes fields of which nobody knows the type")
    return tuple(FieldShape.of(kind, name, info) for name, info in kind.model_fields.items())


@cache
def model_shape(kind: type[BaseModel]) -> Shape:
    """A nested value. A name that this version does not know is refused when it is read, since it would be lost when the
    value is written again."""
    fields, place = fields_of(kind), kind.__name__
    if any(field.encrypted for field in fields):
        raise Unmappable(
            f"{place}: only fields of an aggregate itself are encrypted; encrypt the whole value"
        )
    write = writer(fields)

    def encode(value: Any) -> dict[str, Any]:
        if value.__class__ is not kind:
            raise TypeError(f"{type(value).__name__} where a {place} belongs")
        return write(value.__dict__)

    return Shape(encode, model_schema(kind, fields, extra="forbid"))


def model_schema(
    kind: type[BaseModel], fields: Iterable[FieldShape], *, extra: Literal["forbid", "ignore"]
) -> CoreSchema:
    known = {field.name: field.read for field in fields}
    return reading.model_schema(
        kind, reading.model_fields_schema(known, model_name=kind.__name__, extra_behavior=extra)
    )


def writer(
    fields: Iterable[FieldShape], renamed: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """From the values of a model to its document, without what is None. Raises what a conversion raises.

    A document of thirty fields is made with each command, so the function is written out for each class, once, as
    `dataclasses` does it: a loop over the fields takes twice as long.
    """
    known: dict[str, Any] = {}
    always: list[str] = []
    sometimes: list[str] = []
    for field in fields:
        name = repr(renamed.get(field.name, field.name))
        there, form = f"values[{field.name!r}]", "{}"
        if field.encode is not None:
            known[f"encode_{field.name}"] = field.encode
            form = f"encode_{field.name}({{}})"
        if field.keeps_none:
            always.append(f"{name}: None if (v := {there}) is None else {form.format('v')}")
        elif field.may_be_none:
            sometimes.append(f"if (v := {there}) is not None: document[{name}] = {form.format('v')}")
        else:
            always.append(f"{name}: {form.format(there)}")
    body = [f"document = {{{', '.join(always)}}}", *sometimes, "return document"]
    exec("\n    ".join(["def write(values):", *body]), known)
    write: Callable[[Mapping[str, Any]], dict[str, Any]] = known["write"]
    return write
