"""What was published once is read for ever."""

import json

import jsonschema
import pytest

from gerai.contracts.codec import believe, encode
from gerai.contracts.language import events
from gerai.contracts.places import Places, repository
from gerai.contracts.samples import Sample, samples
from gerai.contracts.schemas import schema_of

ALL = tuple(samples(Places(repository()).samples))
by_name = pytest.mark.parametrize("sample", [pytest.param(one, id=one.name) for one in ALL])


@pytest.mark.parametrize("type", [event.type for event in events()])
def test_every_event_has_a_sample(type: str) -> None:
    assert type in {sample.type for sample in ALL}, f"add libs/contracts/samples/{type}.json"


@by_name
def test_a_sample_decodes_and_is_what_its_name_says(sample: Sample) -> None:
    envelope = sample.decode()
    assert sample.name == envelope.event.type or sample.name.startswith(f"{envelope.event.type}.")
    assert sample.key == envelope.subject


@by_name
def test_a_sample_is_believed_on_its_topic(sample: Sample) -> None:
    envelope = sample.decode()
    believe(envelope, key=sample.key.encode(), topic=envelope.event.topic.name)
    assert envelope.event.aggregate_id() == sample.key


@by_name
def test_every_field_of_a_sample_is_still_known(sample: Sample) -> None:
    """Readers ignore unknown fields, so decoding alone would not notice that one was removed or renamed."""
    read = json.loads(sample.decode().event.model_dump_json())
    assert _all_in(sample.body, read), f"{sample.name}: a published field was removed, renamed or means less"


@pytest.mark.parametrize("type", [event.type for event in events()])
def test_the_newest_sample_is_exactly_what_we_write_today(type: str) -> None:
    newest = [sample for sample in ALL if sample.type == type][-1]
    key, value, headers = encode(newest.decode())
    assert key.decode() == newest.key
    assert {name: raw.decode() for name, raw in headers} == newest.headers
    assert json.loads(value) == newest.body, (
        f"{type} has new fields: keep its samples and add one beside them, {type}.2.json or the next number"
    )


@by_name
def test_decode_is_the_inverse_of_encode(sample: Sample) -> None:
    envelope = sample.decode()
    key, value, headers = encode(envelope)
    again = Sample(
        name=sample.name,
        key=key.decode(),
        headers={name: raw.decode() for name, raw in headers},
        body=json.loads(value),
    )
    assert again.decode() == envelope


@by_name
def test_a_sample_is_valid_by_its_schema(sample: Sample) -> None:
    schema = schema_of(type(sample.decode().event))
    assert not list(jsonschema.Draft202012Validator(schema).iter_errors(sample.body))


def test_a_removed_field_is_noticed() -> None:
    assert not _all_in({"old": 1, "kept": {"inner": 1}}, {"kept": {"inner": 1}})
    assert not _all_in({"kept": {"inner": 1, "old": 1}}, {"kept": {"inner": 1}})
    assert _all_in({"kept": [{"inner": 1}]}, {"kept": [{"inner": 1, "new": 2}], "new": None})


def _all_in(before: object, now: object) -> bool:
    if isinstance(before, dict):
        return isinstance(now, dict) and all(
            name in now and _all_in(value, now[name]) for name, value in before.items()
        )
    if isinstance(before, list):
        return isinstance(now, list) and len(before) == len(now) and all(map(_all_in, before, now))
    return before == now
