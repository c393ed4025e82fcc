"""What schemathesis cannot know of this house, for `schemathesis.toml`."""

import uuid
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

KEY = "Idempotency-Key"
NOT_AS_STATED = {"invalid", "missing", "unknown_field", "repeated"}
"""Codes of refusals for which there is a schema."""


@schemathesis.hook
def before_call(_: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """A request that should be taken gets a key of its own. Examples and generated values repeat, and the same key on
    another request is refused, as it is meant to be."""
    if case.meta is not None and case.meta.generation.mode.is_positive and KEY in case.headers:
        case.headers[KEY] = str(uuid.uuid4())


@schemathesis.check
def only_rules_refuse_what_fits_the_schema(_: CheckContext, response: Response, case: Case) -> None:
    """422 for what the document allows must be, or come with, a rule that no schema can state. A text of control
    characters breaks such a rule, and is empty besides once it is trimmed."""
    fits = case.meta is not None and case.meta.generation.mode.is_positive
    if fits and response.status_code == 422:
        refusal = response.json()
        codes = {one["code"] for one in refusal.get("errors", ())} or {refusal["code"]}
        assert codes - NOT_AS_STATED, f"the document allows what is refused: {response.text}"
