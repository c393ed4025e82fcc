"""The business time of a request."""

from datetime import datetime

from gerai.chassis import ServiceContext


def moment(service_context: ServiceContext) -> datetime:
    """To the millisecond, as MongoDB keeps it: what a command saw and what is stored are then the same."""
    now = service_context.clock.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)
