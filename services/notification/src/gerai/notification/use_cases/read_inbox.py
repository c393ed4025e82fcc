"""What stands in somebody's inbox, and that it was read."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.refusal import UnableToFind
from gerai.messaging.selection import Selection
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.inbox_item import InboxItem
from gerai.notification.domain.notification import Notification, State
from gerai.notification.use_cases.views import InboxItemView


def inbox_of(party_id: str, *, after: str, limit: int) -> Selection[InboxItem]:
    return Selection(kind=InboxItem, where={"party_id": party_id, "id": {"$gt": after}}, limit=limit)


def notifications_where(
    *, party_id: str | None, about: str | None, state: State | None, after: str, limit: int
) -> Selection[Notification]:
    asked = {"party_id": party_id, "about": about, "state": state}
    where = {field: value for field, value in asked.items() if value is not None}
    return Selection(kind=Notification, where={**where, "id": {"$gt": after}}, limit=limit)


def what_an_item_needs(item_id: str) -> Needs:
    return Needs(aggregates=((InboxItem, item_id),))


@command(needs=what_an_item_needs)
async def mark_read(uow: UnitOfWork, at: datetime, item_id: str, *, party_id: str) -> InboxItemView:
    """Raises UnableToFind, also for a message of somebody else's inbox."""
    item = await uow.get(InboxItem, item_id)
    if item.party_id != party_id:
        raise UnableToFind(InboxItem.word, item_id)
    item.mark_read(at=at)
    return InboxItemView.of(item)
