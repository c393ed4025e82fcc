"""The indexes that stand behind the queue's questions."""

from functools import partial

from gerai.messaging.storage import Index
from gerai.queue.domain.moment_in_words import AFTER_TODAY
from gerai.queue.domain.ticket_refusals import UnableToIssueTicket
from gerai.register import kept_entries

_IN_ORDER = (
    ("counter_id", 1),
    ("state", 1),
    ("priority_class", 1),
    ("order_at", 1),
    ("n", 1),
    ("_id", 1),
    ("service_id", 1),
)
"""Equality, then the order, then what is filtered on the way: the next in line is found without a sort."""

INDEXES = (
    Index(collection="tickets", keys=_IN_ORDER, where={"state": "waiting"}),
    # the guarantee itself, whatever the code does: a number is given once per service and day
    Index(collection="tickets", keys=(("origin_service_id", 1), ("local_day", 1), ("n", 1)), unique=True),
    # who is at a desk, what was put aside, who is still there at the day's end; every index costs each ticket's
    # every step, so one does for the three
    Index(collection="tickets", keys=(("site_id", 1), ("state", 1), ("desk_id", 1))),
    Index(collection="service_days", keys=(("site_id", 1), ("local_day", 1))),
    # and this one that no two services of a site begin the same numbers, though their replicas of the register differ
    Index(
        collection="service_days",
        keys=(("site_id", 1), ("local_day", 1), ("prefix", 1)),
        unique=True,
        where={"prefix": {"$gt": ""}},
        refusal=partial(UnableToIssueTicket, "prefix_in_use", field="service_id", opens_at=AFTER_TODAY),
    ),
    *kept_entries.INDEXES,
    # read with them
    Index(collection="site_rules", keys=(("tenant", 1), ("_id", 1))),
    Index(collection="desk_sessions", keys=(("site_id", 1), ("is_open", 1))),
    # what is past its time
    Index(collection="tickets", keys=(("rests_since", 1),), where={"rests_since": {"$exists": True}}),
    Index(collection="service_days", keys=(("local_day", 1),)),
    Index(collection="desk_sessions", keys=(("is_open", 1), ("since", 1))),
)
