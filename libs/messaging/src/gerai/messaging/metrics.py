"""What an operator watches: is anything waiting, failing, set aside?"""

from prometheus_client import Counter, Gauge, Histogram

OUTBOX_PENDING = Gauge("gerai_outbox_pending", "Events that Kafka has not acknowledged yet.")
OUTBOX_OLDEST = Gauge("gerai_outbox_oldest_seconds", "Age of the oldest event that waits.")
OUTBOX_PUBLISHED = Counter("gerai_outbox_published_total", "Events acknowledged by Kafka.", ["topic"])
OUTBOX_PARKED = Counter("gerai_outbox_parked_total", "Events that the broker refuses for good.")
OUTBOX_RESTS = Counter(
    "gerai_outbox_topic_rests_total",
    "Times that a topic could not be written, or this version does not declare it; its events wait.",
    ["topic"],
)
OUTBOX_SECONDS = Histogram(
    "gerai_outbox_seconds",
    "From commit to Kafka's acknowledgement; of large batches a sample.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 120),
)
RELAY_RESTARTS = Counter("gerai_relay_producer_restarts_total", "Producers thrown away after an error.")
HANDLED = Counter("gerai_consumer_records_total", "Records handled.", ["group", "outcome"])
PARKED_KEYS = Gauge(
    "gerai_consumer_parked_keys", "Keys that wait for their first record to succeed.", ["group"]
)
UNREADABLE = Counter(
    "gerai_consumer_unreadable_partitions_total",
    "Partitions set aside at a record that the Kafka client cannot take apart; an operator moves the group beyond it.",
    ["group"],
)
LAG = Gauge("gerai_consumer_lag", "Records not yet handled.", ["group"])
TIMERS_FIRED = Counter("gerai_timers_total", "Timers handled.", ["name", "outcome"])
RETENTION_DELETED = Counter("gerai_retention_deleted_total", "Rows that were past their time.", ["kind"])
RETENTION_FAILED = Counter("gerai_retention_failed_total", "Rules and repairs that failed.", ["kind"])
RETENTION_WATCHED = Gauge(
    "gerai_retention_rows", "Rows that a person should look at before their time is over.", ["kind"]
)
GROUP_SIZE = Histogram(
    "gerai_commit_group_size",
    "Commands that shared one transaction.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)

JOBS_ENDED = Counter(
    "gerai_jobs_total",
    "Attempts at jobs, by what they ended with: Done, Failed, TryAgain, Unknown.",
    ["kind", "outcome"],
)
JOBS_WAITING = Gauge("gerai_jobs_waiting", "Jobs not done yet, those under way among them.", ["kind"])
JOBS_HELD = Gauge("gerai_jobs_held", "Jobs that wait for an operator.", ["kind"])
JOBS_OLDEST = Gauge(
    "gerai_jobs_oldest_seconds", "How long the job that is due longest has been due.", ["kind"]
)

KEYS_TO_REWRAP = Gauge(
    "gerai_keys_to_rewrap", "Keys of people that an older key-encryption key has wrapped; up to 100,000."
)
KEYS_REWRAPPED = Counter("gerai_keys_rewrapped_total", "Keys of people that were wrapped anew.")
KEYS_NOT_REWRAPPED = Counter(
    "gerai_keys_not_rewrapped_total", "Attempts at keys of people that do not open; the log says why."
)
