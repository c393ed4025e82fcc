"""The indexes that stand behind notification's questions."""

from gerai.messaging.storage import Index
from gerai.register import kept_entries

INDEXES = (
    Index(collection="notifications", keys=(("tenant", 1), ("party_id", 1), ("_id", 1))),
    Index(collection="notifications", keys=(("tenant", 1), ("about", 1), ("_id", 1))),
    Index(collection="notifications", keys=(("tenant", 1), ("state", 1), ("_id", 1))),
    # what a newer message replaces
    Index(
        collection="notifications",
        keys=(("tenant", 1), ("party_id", 1), ("about", 1), ("group", 1), ("state", 1), ("created_at", 1)),
        where={"group": {"$gt": ""}},
    ),
    Index(collection="inbox_items", keys=(("tenant", 1), ("party_id", 1), ("_id", 1))),
    # what is past its time
    Index(collection="notifications", keys=(("created_at", 1),)),
    Index(collection="inbox_items", keys=(("at", 1),)),
    Index(collection="stakes", keys=(("since", 1),)),
    *kept_entries.INDEXES,
)
