"""An agreement comes to its end: tell the regency, once per agreement."""

from datetime import datetime

from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.domain.institution import Institution, WarningRule
from gerai.registry.use_cases.take_rows import AGREEMENT_TIMER


async def when_agreement_nears_end_warn(
    timer: TimerRow, *, uow: UnitOfWork, at: datetime, rule: WarningRule
) -> None:
    """The timer is moved whenever the agreement changes; what it finds is checked again all the same."""
    institution = await uow.find(Institution, timer.key)
    if institution is None:
        return
    due = institution.warning_due(rule, at=at)
    if due is None:
        return
    if due <= at:
        institution.warn_of_lapse(at=at)
    else:  # set under another rule: the office wants to be told later now
        uow.schedule(AGREEMENT_TIMER, institution.id, due=due, tenant=institution.tenant)
