"""An officer begins work at a desk."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.domain.desk_session import DeskSession, UnableToUseDesk
from gerai.queue.use_cases.views import DeskState


async def open_desk(desk_id: str, *, uow: UnitOfWork, at: datetime, catalogue: Catalogue) -> DeskState:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    if not desk.active:
        raise UnableToUseDesk("desk_withdrawn")
    session = await uow.find_or_add(DeskSession.of(desk))
    session.open_for(uow.context.actor, at=at)
    return DeskState.of(session)
