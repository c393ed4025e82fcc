"""An officer ends work at a desk."""

from datetime import datetime

from gerai.messaging.unit_of_work import UnitOfWork
from gerai.queue.domain.catalogue import Catalogue
from gerai.queue.use_cases.at_desk import open_session
from gerai.queue.use_cases.views import DeskState


async def close_desk(desk_id: str, *, uow: UnitOfWork, at: datetime, catalogue: Catalogue) -> DeskState:
    desk = catalogue.desk(desk_id, tenant=uow.context.tenant)
    session = await open_session(desk, uow)
    session.close(at=at)
    return DeskState.of(session)
