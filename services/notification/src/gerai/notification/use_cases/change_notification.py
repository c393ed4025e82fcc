"""An operator stops a notification, or sends it again."""

from datetime import datetime

from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.notification import Notification
from gerai.notification.use_cases.sending import Sending, take_next_way
from gerai.notification.use_cases.views import NotificationView


def what_a_notification_needs(notification_id: str) -> Needs:
    return Needs(aggregates=((Notification, notification_id),))


@command(needs=what_a_notification_needs)
async def cancel_notification(uow: UnitOfWork, at: datetime, notification_id: str) -> NotificationView:
    notification = await uow.get(Notification, notification_id)
    notification.cancel(reason="cancelled", at=at)
    return NotificationView.of(notification)


@command(needs=what_a_notification_needs)
async def send_notification_again(
    uow: UnitOfWork, at: datetime, notification_id: str, *, sending: Sending
) -> NotificationView:
    notification = await uow.get(Notification, notification_id)
    notification.send_again(at=at)
    await take_next_way(notification, uow=uow, at=at, sending=sending)
    return NotificationView.of(notification)
