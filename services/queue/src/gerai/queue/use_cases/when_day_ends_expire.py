"""The durable timer at the end of a site's day: who still waits is released, in bounded steps."""

from datetime import datetime

from gerai.contracts.queue import TicketState
from gerai.messaging.selection import Selection
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.rules import Overnight
from gerai.queue.domain.ticket import Ticket
from gerai.queue.use_cases.issue_ticket import END_OF_DAY
from gerai.queue.use_cases.ports import Catalogue

STEP = 200


class EndOfDay:
    """Fires once a day and site. The key is "<site>:<local day>"."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def __call__(self, timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
        site_id, _, local_day = timer.key.rpartition(":")
        if self._catalogue.rules(site_id).overnight is Overnight.KEEP:
            return
        left = await uow.select(
            Selection(
                kind=Ticket,
                where={
                    "site_id": site_id,
                    "local_day": {"$lte": local_day},
                    "state": {"$in": [TicketState.WAITING.value, TicketState.HELD.value]},
                },
                limit=STEP,
            )
        )
        for ticket in left:
            if ticket.state is TicketState.WAITING:
                ticket.expire(actor=uow.context.actor, at=at)
            else:
                ticket.cancel(actor=uow.context.actor, reason="end_of_day", at=at)
        if len(left) == STEP:
            uow.schedule(END_OF_DAY, timer.key, due=timer.due, tenant=timer.tenant)
