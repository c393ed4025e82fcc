"""Who asks for ids that other regencies have leaves a trace.

An id is used once in the whole platform, so a registrar who asks for another regency's must be told to choose another,
in the same words as for one of their own. Whoever only wants to learn which ids others have could ask for thousands,
one by one or in imports that are refused and write nothing: the log and the metric are what tells of it.
"""

import structlog
from prometheus_client import Counter

log = structlog.get_logger(__name__)

ASKED_FOR = Counter(
    "gerai_registry_foreign_ids_asked_total", "Refused ids that another regency has.", ["through"]
)


def note_foreign_ids(*, tenant: str | None, count: int, through: str) -> None:
    """`through`: "register", "import" or "rehearsal". The ids themselves are not written."""
    ASKED_FOR.labels(through).inc(count)
    log.warning("ids-of-another-regency-asked-for", tenant=tenant, count=count, through=through)
