"""Real records with something broken in them: closer to what poison looks like than random bytes are."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gerai.contracts.codec import Undecodable, decode, peek
from gerai.contracts.language import events
from gerai.contracts.places import Places, repository
from gerai.contracts.samples import Sample, samples

events()  # declares them: a reader knows what it has imported
SAMPLES = tuple(samples(Places(repository()).samples))
STRUCTURED = [("content-type", b"application/cloudevents+json")]
EDGES = ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "24:00", 10**400, -(10**400), 1e308]


def any_json(texts: st.SearchStrategy[str], numbers: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | texts | numbers | st.sampled_from(EDGES),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=6,
    )


sound = any_json(st.text(max_size=8), st.integers() | st.floats(allow_nan=False, allow_infinity=False))
strange = any_json(st.text(st.characters(exclude_categories=()), max_size=8), st.floats())
"""Lone surrogates, NaN and infinities, which are no JSON and come all the same."""

any_bytes = st.binary(max_size=40) | st.sampled_from([str(edge).encode() for edge in EDGES])
any_sample = st.sampled_from(SAMPLES)


def read(read_it: Callable[[], object]) -> object | None:
    """What was read, or None if it was refused. Anything but Undecodable fails the test."""
    try:
        return read_it()
    except Undecodable as refused:
        assert str(refused).encode()  # it is logged and put into a header
        return None


def damaged(data: st.DataObject, whole: dict[str, Any]) -> dict[str, Any]:
    names = data.draw(st.lists(st.sampled_from(sorted(whole)), max_size=2))
    return {**whole, **{name: data.draw(strange) for name in names}}


def grown(data: st.DataObject, whole: Any) -> Any:
    """With fields that nobody here knows, in each part."""
    if isinstance(whole, list):
        return [grown(data, one) for one in whole]
    if not isinstance(whole, dict):
        return whole
    more = data.draw(st.dictionaries(st.text(max_size=8).map("new {}".format), sound, max_size=2))
    return {**more, **{name: grown(data, value) for name, value in whole.items()}}


@given(sample=any_sample, key=st.none() | st.binary(max_size=20), data=st.data())
def test_a_damaged_record_is_an_event_or_undecodable(
    sample: Sample, key: bytes | None, data: st.DataObject
) -> None:
    headers = {name: text.encode() for name, text in sample.headers.items()}
    headers |= data.draw(st.dictionaries(st.sampled_from(sorted(headers)), any_bytes, max_size=2))
    value = json.dumps(damaged(data, sample.body)).encode()
    peeked = read(lambda: peek(headers.items(), value))
    found = read(lambda: decode(key, value, headers.items()))
    assert found is None or peeked == sample.type


@given(sample=any_sample, data=st.data())
def test_so_is_a_damaged_record_in_structured_mode(sample: Sample, data: st.DataObject) -> None:
    attributes = {
        name.removeprefix("ce_"): text for name, text in sample.headers.items() if name.startswith("ce_")
    }
    value = json.dumps(damaged(data, {**attributes, "data": damaged(data, sample.body)})).encode()
    peeked = read(lambda: peek(STRUCTURED, value))
    found = read(lambda: decode(None, value, STRUCTURED))
    assert found is None or peeked == sample.type


@given(sample=any_sample, data=st.data())
def test_what_a_newer_producer_added_changes_nothing(sample: Sample, data: st.DataObject) -> None:
    newer = Sample(name=sample.name, key=sample.key, headers=sample.headers, body=grown(data, sample.body))
    assert newer.decode() == sample.decode()
