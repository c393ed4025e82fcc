"""What kind of failure it is, and so what is to be done about it. The one place that decides this.

* **away**: the store or the broker is out of reach, electing, or takes no writes. It is waited for, for as long as it
  takes; nobody here is at fault, and nothing is "stuck".
* **contended**: somebody else was faster. Tried again a bounded number of times; then the caller is told (503), and a
  consumer parks the key.
* **refused**: the store or the broker will never take this: a unique key is taken, it is too large, it cannot be
  stored at all, we have no right to it. Said by name, and not tried again.

What is none of these did not come from the store or the broker: a fault of ours, or something that a handler waits for.
"""

from enum import StrEnum

from aiokafka.errors import (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidConfigurationError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    InvalidTopicError,
    KafkaConfigurationError,
    KafkaError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)
from bson.errors import BSONError
from pymongo.errors import (
    ConnectionFailure,
    OperationFailure,
    PyMongoError,
    WTimeoutError,
)

from gerai.messaging.storage import Conflict, Contended, KeyTaken, StoreBusy, Unstorable


class Failure(StrEnum):
    """The three kinds."""

    AWAY = "away"
    CONTENDED = "contended"
    REFUSED = "refused"


AWAY_CODES = frozenset(
    {
        *(10107, 13435, 13436, 10058, 189),  # no primary here: elections, a member that steps down
        *(91, 11600, 11602),  # it shuts down, or its operations are broken off for an election
        *(6, 7, 89, 9001),  # it cannot reach its own members
        *(64, 100),  # too few members answer for a majority
        *(134, 262),  # it is not yet, or not in time, able to answer
        *(133, 462),  # no member fits that may be asked; it takes in no more requests for now
        *(14031, 371),  # its disk is full, or an operator has closed it for writes
    }
)
"""Errors of MongoDB's server that tell about the server, not about what was asked."""

CONTENDED_CODES = frozenset(
    {
        *(50, 24, 46),  # it took too long: MaxTimeMSExpired, LockTimeout, LockBusy
        *(112, 225, 246, 251, 267, 290),  # a transaction met another's writes, or outlived its time
        *(43, 237, 175, 11601),  # a cursor, a plan or an operation was ended under our hands
        365,  # TemporarilyUnavailable: the storage engine has no room for this just now
    }
)
"""Errors that the same request may well not meet again."""

AWAY_LABELS = ("RetryableWriteError", "UnknownTransactionCommitResult")
PASSING_LABEL = "TransientTransactionError"
"""How a driver marks what may pass. With the last one it has tried again for two minutes already."""

BROKER_REFUSES: tuple[type[Exception], ...] = (
    AuthenticationFailedError,
    AuthenticationMethodNotSupported,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    InvalidConfigurationError,
    InvalidGroupIdError,
    InvalidSessionTimeoutError,
    InvalidTopicError,
    KafkaConfigurationError,
    MessageSizeTooLargeError,
    PolicyViolationError,
    RecordListTooLargeError,
    RecordTooLargeError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)

OUTSIDE: tuple[type[Exception], ...] = (
    *(StoreBusy, Conflict, Unstorable),
    *(PyMongoError, BSONError, KafkaError),
    *(OSError, TimeoutError),
)
"""Whatever the outside can do to a loop that must go on for ever. It is logged, and the loop tries again after a
pause; only while the outside is away does that count as moving."""


def kind_of(error: BaseException) -> Failure | None:
    """Which of the three it is; None for all that did not come from the store or the broker, and for connections and
    time-outs of which nobody knows whose they were."""
    match error:
        case KeyTaken() | Unstorable() | BSONError():
            return Failure.REFUSED
        case Contended() | Conflict():
            return Failure.CONTENDED
        case PyMongoError():
            return _kind_at_store(error)
        case KafkaError():
            return Failure.REFUSED if isinstance(error, BROKER_REFUSES) else Failure.AWAY
        case _:
            return None


def _kind_at_store(error: PyMongoError) -> Failure:
    if isinstance(error, ConnectionFailure | WTimeoutError):
        return Failure.AWAY
    if any(error.has_error_label(one) for one in AWAY_LABELS):
        return Failure.AWAY
    code = error.code if isinstance(error, OperationFailure) else None
    if code in AWAY_CODES:
        return Failure.AWAY
    if code in CONTENDED_CODES or error.has_error_label(PASSING_LABEL):
        return Failure.CONTENDED
    return Failure.REFUSED


def is_away(error: BaseException) -> bool:
    """Nothing can be done meanwhile, parking neither."""
    return kind_of(error) is Failure.AWAY


def is_nobodys_fault(error: BaseException) -> bool:
    """Whether a loop whose step failed with this still counts as moving: what it talks to is away. Where it is at odds
    with us instead, a person must know."""
    return is_away(error) or isinstance(error, OSError | TimeoutError)
