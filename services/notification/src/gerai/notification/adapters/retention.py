"""How long notification keeps what it writes."""

from gerai.messaging.retention import Rule
from gerai.notification.domain.inbox_item import InboxItem
from gerai.notification.domain.notification import Notification
from gerai.notification.domain.stake import Stake

RULES = (
    Rule(
        kind="notifications",
        collection=Notification.collection,
        since="created_at",
        setting="keep_notifications_days",
    ),
    Rule(kind="inbox items", collection=InboxItem.collection, since="at", setting="keep_inbox_items_days"),
    Rule(kind="stakes", collection=Stake.collection, since="since", setting="keep_stakes_days"),
)
