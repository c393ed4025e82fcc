"""What a regency tells people: its rules, its templates, and its quiet hours. Versions are given here."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import time
from typing import Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from gerai.contracts.event import Event
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.refusal import LocalizedText, Refusal, RefusalKind, Term
from gerai.notification.domain.quiet_hours import QuietHours
from gerai.notification.domain.rule import Rule
from gerai.notification.domain.template import Problem, Template

Definition = TypeVar("Definition", Rule, Template)
MOST_RULES = 200
MOST_PROBLEMS = 100


class UnableToImport(Refusal):
    kind = RefusalKind.INVALID
    sentences: ClassVar[dict[str, LocalizedText]] = {
        "bad_definitions": LocalizedText(
            "Aturan atau templat ini tidak dapat dipakai; {count} hal harus diperbaiki.",
            "These rules or templates cannot be used; {count} things must be mended.",
        ),
    }

    example: ClassVar[dict[str, Any]] = {
        "count": 1,
        "problems": [{"place": "rules.ticket-called.event", "code": "unknown_event"}],
    }

    @classmethod
    def because_of(cls, problems: Sequence[Problem]) -> "UnableToImport":
        told = [{"place": problem.place, "code": problem.code} for problem in problems[:MOST_PROBLEMS]]
        return cls("bad_definitions", count=len(problems), problems=told)


class TemplateVersion(Aggregate):
    """One version of a template, kept as long as notifications stand on it. Its id: "<regency>:<template>:<version>"."""

    collection: ClassVar[str] = "templates"
    word: ClassVar[Term] = Term("template", LocalizedText("templat", "template"))

    template: Template

    @staticmethod
    def id_of(tenant: str, template_id: str, version: int) -> str:
        return f"{tenant}:{template_id}:{version}"

    @classmethod
    def of(cls, template: Template, *, tenant: str) -> "TemplateVersion":
        return cls(id=cls.id_of(tenant, template.id, template.version), tenant=tenant, template=template)


class RuleBook(Aggregate):
    """Its id is the regency's."""

    collection: ClassVar[str] = "rule_books"
    warm: ClassVar[bool] = True

    rules: tuple[Rule, ...] = ()
    templates: tuple[Template, ...] = ()
    rule_versions: Mapping[str, int] = {}
    template_versions: Mapping[str, int] = {}
    """The last version that was given to each id, also to one that was taken away."""
    quiet_from: str = "20:00"
    quiet_until: str = "06:00"
    """Local times, HH:MM. The same twice: there are no quiet hours."""

    def quiet_hours(self, zone: ZoneInfo) -> QuietHours:
        return QuietHours(
            begins=time.fromisoformat(self.quiet_from), ends=time.fromisoformat(self.quiet_until), zone=zone
        )

    def rules_for(self, event: Event) -> list[Rule]:
        return [rule for rule in self.rules if rule.applies_to(event)]

    def template(self, id: str) -> Template:
        return next(template for template in self.templates if template.id == id)

    def take_over(
        self, rules: Iterable[Rule], templates: Iterable[Template], *, own_addresses: tuple[str, ...]
    ) -> list[Template]:
        """These replace all that was there. What is worded as before keeps its version, what is not gets the next one,
        so that the version in the file does not matter. The templates that have a new version are returned.

        Raises UnableToImport with everything that is wrong.
        """
        new_templates = _renumbered(templates, self.templates, self.template_versions)
        new_rules = _renumbered(rules, self.rules, self.rule_versions)
        problems = _problems(new_rules, new_templates, own_addresses)
        if problems:
            raise UnableToImport.because_of(problems)
        given = {(template.id, template.version) for template in self.templates}
        self.rules, self.templates = tuple(new_rules), tuple(new_templates)
        self.rule_versions = {**self.rule_versions, **{rule.id: rule.version for rule in new_rules}}
        self.template_versions = {
            **self.template_versions,
            **{template.id: template.version for template in new_templates},
        }
        return [template for template in new_templates if (template.id, template.version) not in given]


def _renumbered(
    wanted: Iterable[Definition], known: Sequence[Definition], versions: Mapping[str, int]
) -> list[Definition]:
    present = {definition.id: definition for definition in known}
    numbered: list[Definition] = []
    for definition in wanted:
        version = versions.get(definition.id, 0)
        as_before = definition.model_copy(update={"version": version})
        is_new = present.get(definition.id) != as_before
        numbered.append(definition.model_copy(update={"version": version + 1}) if is_new else as_before)
    return numbered


def _problems(
    rules: Sequence[Rule], templates: Sequence[Template], own_addresses: tuple[str, ...]
) -> list[Problem]:
    found = [*_twice("rules", rules), *_twice("templates", templates)]
    if len(rules) > MOST_RULES or len(templates) > MOST_RULES:
        return [*found, Problem("rules", "too_many")]
    for template in templates:
        for problem in template.problems(own_addresses=own_addresses):
            found.append(Problem(f"templates.{template.id}.{problem.place}", problem.code))
    by_id = {template.id: template for template in templates}
    for rule in rules:
        for problem in rule.problems(by_id):
            found.append(Problem(f"rules.{rule.id}.{problem.place}", problem.code))
    return found


def _twice(place: str, definitions: Sequence[Rule] | Sequence[Template]) -> list[Problem]:
    ids = [definition.id for definition in definitions]
    return [Problem(f"{place}.{id}", "defined_twice") for id in sorted(set(ids)) if ids.count(id) > 1]
