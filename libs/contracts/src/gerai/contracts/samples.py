"""Golden samples: one record of every event, and of every shape it ever had, kept for ever.

A file is named after the event's type; later shapes of the same version add a number: `queue.x.v1.2.json`.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gerai.contracts.codec import decode
from gerai.contracts.event import Envelope


@dataclass(frozen=True)
class Sample:
    """A record as it lay on the topic, in readable form."""

    name: str
    key: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def type(self) -> str:
        return self.headers["ce_type"]

    def decode(self) -> Envelope:
        headers = [(name, text.encode()) for name, text in self.headers.items()]
        return decode(self.key.encode(), json.dumps(self.body).encode(), headers)


def samples(folder: Path) -> Iterator[Sample]:
    """All samples, the oldest shape of each event first."""
    for path in sorted(folder.glob("*.json"), key=lambda path: (len(path.stem.split(".")), path.stem)):
        whole = json.loads(path.read_text(encoding="utf-8"))
        yield Sample(name=path.stem, key=whole["key"], headers=whole["headers"], body=whole["body"])
