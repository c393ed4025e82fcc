"""Each failure of the store and the broker has a kind, chosen on purpose."""

from collections.abc import Iterable

import pytest
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalGenerationError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NotEnoughReplicasError,
    NotLeaderForPartitionError,
    PolicyViolationError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
)
from bson.errors import InvalidBSON, InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    CursorNotFound,
    DocumentTooLarge,
    DuplicateKeyError,
    ExecutionTimeout,
    InvalidOperation,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
    WTimeoutError,
)

from gerai.messaging.failures import OUTSIDE, Failure, is_nobodys_fault, kind_of
from gerai.messaging.outcomes import Retry
from gerai.messaging.storage import (
    Conflict,
    Contended,
    KeyTaken,
    StoreBusy,
    TimerGone,
    TooManyWaiting,
    Unstorable,
    VersionConflict,
)


def server(code: int, *labels: str) -> OperationFailure:
    return OperationFailure("planted", code, {"errorLabels": list(labels)})


AWAY: list[Exception] = [
    AutoReconnect("planted"),
    NetworkTimeout("planted"),
    NotPrimaryError("planted"),
    ServerSelectionTimeoutError("planted"),
    WaitQueueTimeoutError("planted"),
    WTimeoutError("planted", 64, {}),
    *(server(code) for code in (10107, 13435, 13436, 189)),  # no primary
    *(server(code) for code in (91, 11600, 11602)),  # shutting down, elections
    *(server(code) for code in (6, 7, 89, 9001, 100, 134, 262)),
    server(133),  # FailedToSatisfyReadPreference
    server(462),  # IngressRequestRateLimitExceeded
    server(14031),  # OutOfDiskSpace
    server(371),  # UserWritesBlocked
    server(1, "RetryableWriteError"),
    server(1, "UnknownTransactionCommitResult"),
    KafkaConnectionError("planted"),
    KafkaTimeoutError("planted"),
    NotEnoughReplicasError("planted"),
    NotLeaderForPartitionError("planted"),
    IllegalGenerationError("planted"),
]
CONTENDED: list[Exception] = [
    Contended("planted"),
    VersionConflict("planted"),
    Conflict("planted"),
    TimerGone("planted"),
    server(112),  # WriteConflict
    server(24, "TransientTransactionError"),  # LockTimeout, after the driver has tried for two minutes
    server(251, "TransientTransactionError"),  # a transaction that outlived its lifetime
    server(9, "TransientTransactionError"),
    ExecutionTimeout("planted", 50),
    CursorNotFound("planted", 43),
    server(237),  # CursorKilled
    server(175),  # QueryPlanKilled
    server(290),  # TransactionExceededLifetimeLimitSeconds
    server(365),  # TemporarilyUnavailable
    server(11601),  # Interrupted
]
REFUSED: list[Exception] = [
    KeyTaken("outbox", "event"),
    Unstorable("planted"),
    DuplicateKeyError("planted", 11000),
    BulkWriteError({"writeErrors": []}),
    DocumentTooLarge("planted"),
    InvalidDocument("planted"),
    InvalidBSON("planted"),
    server(13),  # Unauthorized
    server(18),  # AuthenticationFailed
    server(20),  # IllegalOperation
    server(121),  # DocumentValidationFailure
    server(10334),  # BSONObjectTooLarge
    server(9),  # FailedToParse
    ConfigurationError("planted"),
    InvalidOperation("planted"),
    TopicAuthorizationFailedError("planted"),
    GroupAuthorizationFailedError("planted"),
    SaslAuthenticationFailed("planted"),
    MessageSizeTooLargeError("planted"),
    PolicyViolationError("planted"),
]
NEITHER: list[Exception] = [
    TooManyWaiting("planted"),
    StoreBusy("planted"),
    ConnectionRefusedError("planted"),
    TimeoutError("planted"),
    Retry("planted"),
    ValueError("planted"),
    KeyError("planted"),
]


def named(errors: Iterable[Exception]) -> list[object]:
    return [pytest.param(one, id=f"{type(one).__name__} {getattr(one, 'code', '') or ''}") for one in errors]


@pytest.mark.parametrize("error", named(AWAY))
def test_what_is_out_of_reach_is_away(error: Exception) -> None:
    assert (kind_of(error), is_nobodys_fault(error)) == (Failure.AWAY, True)


@pytest.mark.parametrize("error", named(CONTENDED))
def test_where_others_were_faster_it_is_contended(error: Exception) -> None:
    assert (kind_of(error), is_nobodys_fault(error)) == (Failure.CONTENDED, False)


@pytest.mark.parametrize("error", named(REFUSED))
def test_what_will_never_pass_is_refused(error: Exception) -> None:
    assert (kind_of(error), is_nobodys_fault(error)) == (Failure.REFUSED, False)


@pytest.mark.parametrize("error", named(NEITHER))
def test_what_nobody_out_there_has_said_is_of_no_kind(error: Exception) -> None:
    assert kind_of(error) is None


@pytest.mark.parametrize("error", named([*AWAY, *CONTENDED, *REFUSED]))
def test_a_loop_that_must_go_on_survives_it(error: Exception) -> None:
    assert isinstance(error, OUTSIDE)


def test_a_taken_key_is_named_without_its_values() -> None:
    taken = KeyTaken("people", "name_1", key={"name": "Wa Ode"})
    assert "people" in str(taken)
    assert "name_1" in str(taken)
    assert "Wa Ode" not in repr(taken)
