"""An officer ends work at a desk."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import open_session, what_the_desk_needs
from gerai.queue.use_cases.views import DeskState


@command(needs=what_the_desk_needs)
async def close_desk(uow: UnitOfWork, at: datetime, desk_id: str, *, catalogue: Catalogue) -> DeskState:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    session = await open_session(desk, uow)
    session.close(at=at)
    return DeskState.of(session)
