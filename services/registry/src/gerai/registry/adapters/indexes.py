"""The indexes behind the register's lists and checks."""

from gerai.messaging.storage import Index

SECTIONS = ("sites", "institutions", "counters", "desks", "services", "calendars")

INDEXES = (
    *(Index(collection=section, keys=(("tenant", 1), ("_id", 1))) for section in SECTIONS),
    Index(collection="counters", keys=(("tenant", 1), ("site_id", 1), ("_id", 1))),
    Index(collection="counters", keys=(("tenant", 1), ("institution_id", 1), ("_id", 1))),
    Index(collection="desks", keys=(("tenant", 1), ("counter_id", 1), ("_id", 1))),
    Index(collection="services", keys=(("tenant", 1), ("counter_id", 1), ("_id", 1))),
)
