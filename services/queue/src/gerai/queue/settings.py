"""The queue has no settings of its own yet; what an office may change are the rules of its sites."""

from gerai.chassis import Settings


class QueueSettings(Settings):
    mongodb_database: str = "queue"
