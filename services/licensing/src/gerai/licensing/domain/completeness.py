"""Whether an application has everything that its permit type asks for; and what is new since the version before."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from gerai.licensing.domain.form import mark_answers
from gerai.licensing.domain.json_text import JsonText
from gerai.licensing.domain.marks import Mark
from gerai.licensing.domain.paper import Paper, Scan
from gerai.licensing.domain.permit_type import PermitType


def marks_of(type: PermitType, answers: dict[str, Any], papers: Iterable[Paper]) -> tuple[Mark, ...]:
    """Everything that is missing or wrong; none: the application is complete."""
    return (*mark_answers(type.form, answers), *_marks_of_papers(type, answers, tuple(papers)))


def _marks_of_papers(type: PermitType, answers: dict[str, Any], papers: tuple[Paper, ...]) -> Iterator[Mark]:
    there = {paper.kind: paper for paper in papers}
    for rule in type.papers:
        paper = there.pop(rule.kind, None)
        if paper is None:
            if rule.is_required(answers):
                yield Mark.on_paper(rule.kind, "paper_missing")
            continue
        if paper.media_type not in rule.accepts:
            yield Mark.on_paper(rule.kind, "paper_type")
        if paper.bytes > rule.most_mb * 1_000_000:
            yield Mark.on_paper(rule.kind, "paper_size", rule.most_mb)
        if paper.scan is Scan.INFECTED:
            yield Mark.on_paper(rule.kind, "paper_infected")
    for kind in there:
        yield Mark.on_paper(kind, "paper_unknown")


class Submission(BaseModel):
    """What was handed in, and what the answer was."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    answers: JsonText
    papers: tuple[Paper, ...]
    marks: tuple[Mark, ...] = ()
    """What was to be mended: found by the system, or marked by an officer who asked."""


class Change(BaseModel):
    """One field or paper that differs from the version before."""

    model_config = ConfigDict(frozen=True)

    target: str
    kind: str
    """added, changed, removed."""


def compared(before: Submission, after: Submission) -> tuple[Change, ...]:
    """What the applicant changed: fields by their path, papers by their kind. Values are not repeated here."""
    fields = _changes("field:", _fields(before), _fields(after))
    papers = _changes(
        "paper:",
        {paper.kind: paper.sha256 for paper in before.papers},
        {paper.kind: paper.sha256 for paper in after.papers},
    )
    return (*fields, *papers)


def _changes(prefix: str, before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in after:
            yield Change(target=prefix + name, kind="removed")
        elif name not in before:
            yield Change(target=prefix + name, kind="added")
        elif before[name] != after[name]:
            yield Change(target=prefix + name, kind="changed")


def _fields(submission: Submission) -> dict[str, Any]:
    return dict(_leaves(submission.answers.read(), ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}/{name}" if path else name)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}/{index}")
    else:
        yield path, value
