"""Which failures pass by themselves."""

from aiokafka.errors import KafkaError
from pymongo.errors import ConnectionFailure, ExecutionTimeout, PyMongoError, WTimeoutError

from gerai.messaging.group_commit import StoreBusy

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

OUTSIDE: tuple[type[Exception], ...] = (*TRANSIENT, PyMongoError)
"""Whatever the outside can do to a loop that must go on for ever; it is logged, and the loop tries again."""
