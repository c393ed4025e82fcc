"""A platform that runs here, as other commands see it: where its data lie, and its addresses."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local.failure import UnableToStart
from local.places import data_dir

PROFILES = ("up", "morning", "anchored")
"""Whose data `make up` may use: see `local.clock`."""


@dataclass(frozen=True, kw_only=True)
class Attached:
    directory: Path
    addresses: Mapping[str, str]
    """By the name of the process: `queue`, `zipkin`, `issuer`, …"""


def attached() -> Attached:
    """The platform that `make up` started last. Whether it still runs is for the caller to find out."""
    states = [data_dir(profile) / "platform.json" for profile in PROFILES]
    started = [state for state in states if state.exists()]
    if not started:
        raise UnableToStart("The platform was never started here: run `make up` first.")
    state = max(started, key=lambda one: one.stat().st_mtime)
    return Attached(directory=state.parent, addresses=json.loads(state.read_text(encoding="utf-8")))
