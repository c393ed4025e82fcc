"""An office puts in what it tells people: all rules and templates at once, checked before anything changes."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.rule import Rule
from gerai.notification.domain.rule_book import MOST_RULES, RuleBook, TemplateVersion
from gerai.notification.domain.template import Template


class Definitions(BaseModel):
    """What a file holds. The versions in it are not used: they are given when it is imported."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: tuple[Rule, ...] = Field(max_length=MOST_RULES)
    templates: tuple[Template, ...] = Field(max_length=MOST_RULES)


class Imported(BaseModel):
    """What is different from before."""

    model_config = ConfigDict(frozen=True)

    rules: int
    templates: int
    new_templates: tuple[str, ...]
    """"<id> v<version>" of each that is new or worded anew."""


def what_importing_needs(tenant: str | None) -> Needs:
    return Needs(aggregates=((RuleBook, tenant or ""),))


@command(needs=what_importing_needs)
async def import_definitions(
    uow: UnitOfWork, at: datetime, definitions: Definitions, *, own_addresses: Sequence[str]
) -> Imported:
    """Replaces all. Raises UnableToImport with everything that is wrong, and then nothing changes."""
    assert uow.context.tenant is not None
    tenant = uow.context.tenant
    book = await uow.find_or_add(RuleBook(id=tenant, tenant=tenant))
    new = book.take_over(definitions.rules, definitions.templates, own_addresses=tuple(own_addresses))
    for template in new:
        uow.add(TemplateVersion.of(template, tenant=tenant))
    return Imported(
        rules=len(book.rules),
        templates=len(book.templates),
        new_templates=tuple(f"{template.id} v{template.version}" for template in new),
    )
