"""Read and replace the rules of a site's queue."""

from pydantic import BaseModel

from gerai.messaging.refusal import UnableToFind
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.rules import Rules, SiteRules
from gerai.queue.use_cases.ports import Catalogue


class RulesView(BaseModel):
    site_id: str
    version: int
    rules: Rules


async def look_at_rules(site_id: str, *, uow: UnitOfWork, catalogue: Catalogue) -> RulesView:
    catalogue.offerings_of_site(site_id, uow.context.tenant)
    found = await uow.find(SiteRules, site_id)
    if found is None:
        return RulesView(site_id=site_id, version=0, rules=Rules())
    return RulesView(site_id=site_id, version=found.version, rules=found.rules)


async def replace_rules(
    site_id: str, rules: Rules, *, expected: int, uow: UnitOfWork, catalogue: Catalogue
) -> RulesView:
    """Raises UnableToChangeRules (stale_version)."""
    tenant = uow.context.tenant
    if tenant is None:
        raise UnableToFind("site", site_id)
    catalogue.offerings_of_site(site_id, tenant)
    found = await uow.find(SiteRules, site_id)
    if found is None:
        found = SiteRules(id=site_id, tenant=tenant)
        uow.add(found)
    found.replace(rules, expected=expected)
    return RulesView(site_id=site_id, version=expected + 1, rules=rules)
