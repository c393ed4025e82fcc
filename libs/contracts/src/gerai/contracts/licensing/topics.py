"""Where licensing says it."""

from gerai.contracts.event import Cleanup, Topic


def _stream(name: str, key: str, *, partitions: int) -> Topic:
    return Topic(
        name=f"licensing.{name}",
        key=key,
        partitions=partitions,
        retention_days=90,
        cleanup=Cleanup.DELETE,
        owner="licensing",
    )


APPLICATIONS = _stream("applications", "application id", partitions=12)
PERMITS = _stream("permits", "permit id", partitions=6)
BILLS = _stream("bills", "bill id", partitions=6)
OUTAGES = _stream("outages", "regency", partitions=1)
PERMIT_TYPES = Topic(
    name="licensing.permit-types",
    key="permit type",
    partitions=3,
    retention_days=None,
    cleanup=Cleanup.COMPACT,
    owner="licensing",
)
