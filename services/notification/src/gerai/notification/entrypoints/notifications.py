"""Operators and offices: what was sent where, when, and why not."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from gerai.chassis import CommandsOf, Cursor, Page, PageSize, QueriesOf, Routes
from gerai.chassis.pages import USUAL, cursor_after, id_before
from gerai.contracts.text import Id
from gerai.messaging.refusal import UnableToFind
from gerai.notification.domain.notification import Notification, State, UnableToChangeNotification
from gerai.notification.entrypoints.bodies import NotificationId
from gerai.notification.entrypoints.permissions import CHANGE, LOOK
from gerai.notification.use_cases.change_notification import (
    cancel_notification,
    send_notification_again,
)
from gerai.notification.use_cases.read_inbox import notifications_where
from gerai.notification.use_cases.sending import Sending
from gerai.notification.use_cases.views import NotificationView

OfParty = Annotated[Id | None, Query(description="Only those to this party.")]
About = Annotated[Id | None, Query(description='Only those about this, as "ticket:<id>".')]
InState = Annotated[State | None, Query(description="Only those in this state.")]
CHANGES = (UnableToFind, UnableToChangeNotification)


def routes(sending: Sending) -> Routes:
    """Under /v1/notifications."""
    notifications = Routes(tag="notifications", prefix="/v1/notifications")

    @notifications.get(
        "",
        permission=LOOK,
        summary="Search notifications",
        operation_id="listNotifications",
    )
    async def search(
        queries: QueriesOf,
        party_id: OfParty = None,
        about: About = None,
        state: InState = None,
        limit: PageSize = USUAL,
        cursor: Cursor = None,
    ) -> Page[NotificationView]:
        found = await queries.uow.select(
            notifications_where(
                party_id=party_id, about=about, state=state, after=id_before(cursor), limit=limit + 1
            )
        )
        items = tuple(NotificationView.of(notification) for notification in found[:limit])
        return Page(items=items, next=cursor_after(items[-1].id) if len(found) > limit else None)

    @notifications.get(
        "/{notification_id}",
        permission=LOOK,
        summary="Show a notification with all its attempts",
        operation_id="showNotification",
        refuses=(UnableToFind,),
    )
    async def look(notification_id: NotificationId, queries: QueriesOf) -> NotificationView:
        return NotificationView.of(await queries.uow.get(Notification, notification_id))

    @notifications.post(
        "/{notification_id}/cancel",
        permission=CHANGE,
        summary="Stop a notification that waits",
        operation_id="cancelNotification",
        response_model=NotificationView,
        refuses=CHANGES,
    )
    async def cancel(notification_id: NotificationId, commands: CommandsOf) -> Response:
        return await commands.run(cancel_notification, notification_id)

    @notifications.post(
        "/{notification_id}/send-again",
        permission=CHANGE,
        summary="Send a notification again, by all ways anew",
        operation_id="sendNotificationAgain",
        response_model=NotificationView,
        refuses=CHANGES,
    )
    async def again(notification_id: NotificationId, commands: CommandsOf) -> Response:
        return await commands.run(send_notification_again, notification_id, sending=sending)

    return notifications
