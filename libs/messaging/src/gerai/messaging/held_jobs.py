"""An operator's way to jobs: see what waits, decide what is held, let a kind rest.

The database is the service's own: GERAI_MONGODB_URI (or the file that GERAI_MONGODB_URI_FILE names) and
GERAI_MONGODB_DATABASE, as the service has them. See docs/runbooks/held-jobs.md.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gerai.messaging.job import Done, Failed
from gerai.messaging.mongo.driver import connect
from gerai.messaging.mongo.jobs import MongoJobQueue

SHOWN = 50


class NoDatabase(Exception):
    """Nothing says which database it is."""


async def run(queue: MongoJobQueue, given: argparse.Namespace) -> str:
    """Do what was asked for; returns what to tell the operator."""
    match given.what:
        case "show":
            return await _shown(queue)
        case "release":
            return _told(await queue.release(given.id), given.id, "is performed again")
        case "done":
            answer = dict(pair.split("=", 1) for pair in given.answer)
            return _told(await queue.settle(given.id, Done(answer=answer)), given.id, "is completed as done")
        case "failed":
            settled = await queue.settle(given.id, Failed(code=given.code))
            return _told(settled, given.id, f"is completed as failed: {given.code}")
        case "rest":
            await queue.rest(given.kind)
            return f"{given.kind} rests: none is begun until it is resumed"
        case _:
            await queue.resume(given.kind)
            return f"{given.kind} is performed again"


async def _shown(queue: MongoJobQueue) -> str:
    lines: list[str] = []
    for kind in sorted(await queue.kinds()):
        counts = await queue.counts(kind)
        lines.append(
            f"{kind}: {counts.waiting} waiting, due for {counts.due_for_s:.0f} s, {counts.held} held"
        )
        for job in await queue.held(kind, SHOWN):
            lines.append(
                f"  {job.id}  wanted {job.wanted_at:%Y-%m-%d %H:%M} UTC, {job.attempts} attempts: {job.error}"
            )
    return "\n".join(lines) or "no jobs"


def _told(was_held: bool, id: str, now: str) -> str:
    return f"{id} {now}" if was_held else f"{id} is not held: nothing was changed"


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m gerai.messaging.held_jobs", description=__doc__.split("\n")[0]
    )
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("show", help="what waits and what is held, by kind")
    what.add_parser("release", help="perform a held job again").add_argument("id")
    done = what.add_parser("done", help="the outside did it: complete a held job so")
    done.add_argument("id")
    done.add_argument("answer", nargs="*", metavar="name=value", help="what the completion needs")
    failed = what.add_parser("failed", help="the outside did not do it: complete a held job so")
    failed.add_argument("id")
    failed.add_argument("code")
    what.add_parser("rest", help="begin no jobs of a kind").add_argument("kind")
    what.add_parser("resume", help="let a kind go on").add_argument("kind")
    given = parser.parse_args(argv)
    if given.what == "done" and not all("=" in pair for pair in given.answer):
        parser.error("an answer is written name=value")
    return given


def database_of_service() -> tuple[str, str]:
    """Its address and name, from the environment. Raises NoDatabase."""
    path = os.environ.get("GERAI_MONGODB_URI_FILE")
    uri = Path(path).read_text(encoding="utf-8").strip() if path else os.environ.get("GERAI_MONGODB_URI", "")
    name = os.environ.get("GERAI_MONGODB_DATABASE", "")
    if not uri or not name:
        raise NoDatabase("set GERAI_MONGODB_URI (or GERAI_MONGODB_URI_FILE) and GERAI_MONGODB_DATABASE")
    return uri, name


async def _main(given: argparse.Namespace) -> str:
    database = connect(*database_of_service())
    try:
        return await run(MongoJobQueue(database), given)
    finally:
        await database.close()


def main(argv: Sequence[str] | None = None) -> None:
    given = _arguments(sys.argv[1:] if argv is None else argv)
    try:
        print(asyncio.run(_main(given)))  # noqa: T201  an operator's command
    except NoDatabase as error:
        raise SystemExit(f"held_jobs: {error}") from None


if __name__ == "__main__":
    main()
