"""A site decides how it calls."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.rules import Rules, SiteRules
from gerai.queue.use_cases.views import RulesView
from gerai.register.kept_entries import advance_revision


async def change_site_rules(
    uow: UnitOfWork, _at: datetime, site_id: str, rules: Rules, *, seen: int, catalogue: Catalogue
) -> RulesView:
    site = catalogue.site(site_id, tenant=uow.context.tenant)
    known = await uow.find_or_add(SiteRules(id=site.id, tenant=site.tenant))
    changed = known.change(rules, seen=seen)
    if changed:
        await advance_revision(site.tenant, uow)
    return RulesView(site_id=site.id, version=seen + 1 if changed else seen, rules=known.rules)


async def show_site_rules(site_id: str, *, uow: UnitOfWork, catalogue: Catalogue) -> RulesView:
    site = catalogue.site(site_id, tenant=uow.context.tenant)
    known = await uow.find(SiteRules, site.id) or SiteRules(id=site.id, tenant=site.tenant)
    return RulesView(site_id=site.id, version=known.version, rules=known.rules)
