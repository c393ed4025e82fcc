"""Which failures pass by themselves."""

from aiokafka.errors import KafkaError
from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError

from gerai.messaging.storage import StoreBusy

TRANSIENT: tuple[type[Exception], ...] = (
    StoreBusy,
    ConnectionFailure,
    ExecutionTimeout,
    WTimeoutError,
    KafkaError,
    OSError,
    TimeoutError,
)
"""The store or the broker is away, busy or electing. OSError covers refused and lost connections."""

PASSING_LABELS = ("TransientTransactionError", "RetryableWriteError", "UnknownTransactionCommitResult")
"""How MongoDB marks errors of other classes that pass."""


def store_is_away(error: BaseException) -> bool:
    """The store is out of reach or busy: nothing can be done meanwhile, parking neither."""
    if isinstance(error, StoreBusy | ConnectionFailure | ExecutionTimeout | WTimeoutError):
        return True
    return isinstance(error, PyMongoError) and any(error.has_error_label(one) for one in PASSING_LABELS)


OUTSIDE: tuple[type[Exception], ...] = (*TRANSIENT, PyMongoError)
"""Whatever the outside can do to a loop that must go on for ever; it is logged, and the loop tries again."""
