"""Any event that can be built comes back from the wire as it was."""

from datetime import UTC, date, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel

from gerai.contracts.codec import decode, encode, peek
from gerai.contracts.event import Envelope, Event
from gerai.contracts.language import events
from gerai.contracts.text import UNSAFE_CATEGORIES

instants = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
filled = st.text(st.characters(exclude_categories=sorted(UNSAFE_CATEGORIES)), min_size=1, max_size=30)
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(max_size=30),
    int: st.integers(min_value=-(2**63), max_value=2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    date: st.dates(),
    AwareDatetime: instants,
    type(None): st.none(),
}


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if get_origin(annotation) in (Union, UnionType):
        return st.one_of([values_of(choice) for choice in get_args(annotation)])
    if get_origin(annotation) is tuple:
        return st.lists(values_of(get_args(annotation)[0]), max_size=3).map(tuple)
    if issubclass(annotation, StrEnum):
        return st.sampled_from(list(annotation))
    assert issubclass(annotation, BaseModel), f"say how values of {annotation} are made"
    return models_of(annotation)


def models_of(model: type[BaseModel]) -> st.SearchStrategy[Any]:
    return st.builds(
        model, **{name: values_of(field.annotation) for name, field in model.model_fields.items()}
    )


def envelopes_of(event: type[Event]) -> st.SearchStrategy[Envelope]:
    return st.builds(
        Envelope,
        id=st.uuids(),
        source=filled,
        subject=filled,
        sequence=st.integers(min_value=1, max_value=10**17),
        time=instants,
        correlation_id=filled,
        causation_id=st.none() | filled,
        event=models_of(event),
        traceparent=st.none() | filled,
        replayed_for=st.none() | filled,
    )


@pytest.mark.parametrize("event", events(), ids=lambda event: event.type)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_decode_of_encode_is_the_same(event: type[Event], data: st.DataObject) -> None:
    envelope = data.draw(envelopes_of(event))
    key, value, headers = encode(envelope)
    assert decode(key, value, headers) == envelope
    assert peek(headers, value) == event.type
