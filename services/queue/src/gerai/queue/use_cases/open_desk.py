"""An officer begins work at a desk."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession, UnableToUseDesk
from gerai.queue.use_cases.at_desk import what_the_desk_needs
from gerai.queue.use_cases.views import DeskState


@command(needs=what_the_desk_needs)
async def open_desk(uow: UnitOfWork, at: datetime, desk_id: str, *, catalogue: Catalogue) -> DeskState:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    if not desk.active:
        raise UnableToUseDesk("desk_withdrawn")
    session = await uow.find_or_add(DeskSession.of(desk))
    session.open_for(uow.context.actor, at=at)
    return DeskState.of(session)
