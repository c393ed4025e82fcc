"""An operator's way to who was forgotten: keep the list elsewhere, and forget them again after a backup was restored.

A backup from before somebody was forgotten holds their key. The database is the service's own: GERAI_MONGODB_URI (or the
file that GERAI_MONGODB_URI_FILE names) and GERAI_MONGODB_DATABASE. See docs/runbooks/forgotten-people.md.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from gerai.messaging.context import Context
from gerai.messaging.forgetting import forget_subject
from gerai.messaging.group_commit import Command, GroupCommit
from gerai.messaging.held_jobs import NoDatabase, database_of_service
from gerai.messaging.mongo.driver import Database, connect
from gerai.messaging.mongo.storage import MongoStorage
from gerai.messaging.subject_keys import SUBJECT_KEYS
from gerai.messaging.unit_of_work import UnitOfWork

CONTEXT = Context(tenant=None, actor="operator", correlation_id="forgotten")


async def listed(database: Database) -> list[str]:
    """A line of JSON for each: regency, the person's opaque id, when."""
    found = await database.find(SUBJECT_KEYS, {"forgotten_at": {"$exists": True}})
    return [
        json.dumps(
            {"tenant": row["tenant"], "subject": row["subject"], "at": row["forgotten_at"].isoformat()}
        )
        for row in sorted(found, key=lambda row: row["_id"])
    ]


async def apply(database: Database, lines: Iterable[str]) -> int:
    """Forget everybody of a list, who was forgotten already too; how many lines. Raises ValueError where one cannot be read;
    those before it are done, and the list may be applied again."""
    done = 0
    async with GroupCommit(MongoStorage(database), source="/gerai/forgotten") as commit:
        for line in lines:
            row = json.loads(line)
            at = datetime.fromisoformat(row["at"])
            await commit.execute(_again(row["tenant"], row["subject"], at), context=CONTEXT)
            done += 1
    return done


def _again(tenant: str, subject: str, at: datetime) -> Command:
    async def command(uow: UnitOfWork) -> None:
        await forget_subject(subject, tenant=tenant, uow=uow, at=at)

    return command


async def _main(lines: Sequence[str] | None) -> str:
    """None: list them."""
    database = connect(*database_of_service())
    try:
        if lines is None:
            return "\n".join(await listed(database))
        return f"{await apply(database, lines)} people are forgotten"
    finally:
        await database.close()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m gerai.messaging.forgotten", description=__doc__.split("\n")[0]
    )
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("list", help="who was forgotten, a line for each")
    what.add_parser("apply", help="forget all of a list again").add_argument("file")
    given = parser.parse_args(sys.argv[1:] if argv is None else argv)
    try:
        lines = Path(given.file).read_text(encoding="utf-8").split("\n") if given.what == "apply" else None
        print(asyncio.run(_main([line for line in lines if line] if lines is not None else None)))  # noqa: T201  an operator's command
    except (NoDatabase, OSError, ValueError, KeyError) as error:
        raise SystemExit(f"forgotten: {error}") from None


if __name__ == "__main__":
    main()
