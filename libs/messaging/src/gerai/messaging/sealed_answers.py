"""Answers under an idempotency key that tell of people: sealed with the keys of all of them, so that nobody can read one
once a single one is forgotten."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gerai.messaging.personal import Forgotten
from gerai.messaging.sealing import DataKey, KeyedCipher
from gerai.messaging.storage import StoredAnswer

FOR = "subjects"
"""The header that names the rows of these keys."""


def rows_of(answer: StoredAnswer) -> Sequence[str]:
    rows: list[str] = json.loads(answer.headers.get(FOR, "[]"))
    return rows


def sealed_for(answer: StoredAnswer, keys: Mapping[str, DataKey | Forgotten], id: str) -> StoredAnswer:
    """`keys`: by row; those of regencies are nobody's. `id`: under which the answer is kept."""
    people = [(row, key) for row, key in sorted(keys.items()) if not row.endswith(":")]
    body, rows = answer.body, list[str]()
    for row, key in people:
        if isinstance(key, DataKey):  # of who was forgotten before, the command saw nothing
            body = key.seal(body, ("answer", row, id))
            rows.append(row)
    return replace(answer, body=body, headers={**answer.headers, FOR: json.dumps(rows)})


def opened(answer: StoredAnswer, rows: Sequence[str], id: str, cipher: KeyedCipher) -> StoredAnswer:
    """Raises Unopenable."""
    body = answer.body
    for row in reversed(rows):
        key = cipher.keys[row]
        if isinstance(key, Forgotten):
            return replace(answer, body=b"", forgotten=True)
        body = key.open(body, ("answer", row, id))
    if not rows:
        return answer
    headers = {name: value for name, value in answer.headers.items() if name != FOR}
    return replace(answer, body=body, headers=headers)
