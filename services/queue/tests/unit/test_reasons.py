"""The contract says which reasons its events may carry; these are all of them."""

import json
import re

from gerai.contracts.language import meanings
from gerai.contracts.places import Places, repository
from gerai.contracts.queue import TicketEvent
from gerai.queue.domain.reason_code import ReasonCode
from gerai.queue.use_cases.cancel_ticket import BY_VISITOR

SAID = {*(one.value for one in ReasonCode), BY_VISITOR}


def test_the_contract_lists_every_reason_and_no_other():
    of_office, of_visitor = meanings(TicketEvent)["reason"].split(":")[1].split(";")
    assert re.findall(r"[a-z_]+", of_office) == [one.value for one in ReasonCode]
    assert f"and {BY_VISITOR}," in of_visitor


def test_samples_carry_reasons_that_are_said():
    samples = sorted(Places(repository()).samples.glob("queue.*.json"))
    reasons = {json.loads(path.read_text(encoding="utf-8"))["body"].get("reason") for path in samples}
    assert reasons - {None} <= SAID
