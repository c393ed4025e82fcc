"""`make new-service NAME=loket`: a service of the example's shape, which runs as it is.

It is the example (`services/hourly`) under another name, with its own number, so nothing here can fall behind how services
are written. Whoever asked for it changes what it counts into what it is for.
"""

import argparse
import keyword
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from local import command, ports
from local.failure import UnableToStart
from local.places import ROOT
from local.services import LARGEST_NUMBER, declared_number, service_folders

EXAMPLE = "hourly"
SAYS_NOTHING = frozenset({"common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"})
_NAME = re.compile(r"[a-z]{2,30}")
_NUMBER = re.compile(r"^number = \d+$", re.MULTILINE)
_CONTRACTS = "libs/contracts/src/gerai/contracts"


def require_name(name: str, root: Path = ROOT) -> None:
    """Raises UnableToStart for a name that a service cannot have, with the reason."""
    if not _NAME.fullmatch(name):
        raise UnableToStart(
            f"{name!r} is no name for a service: it needs 2 to 30 letters from a to z, because it also names "
            "a package, a database and topics."
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise UnableToStart(
            f"{name} is a word of Python itself, which no package can be called: choose another name."
        )
    if name in SAYS_NOTHING:
        raise UnableToStart(f"{name} does not say what the service is for: choose another name.")
    if name in ports.PARTS:
        raise UnableToStart(f"{name} is a part of the platform already: choose another name.")
    for taken in (f"services/{name}", f"libs/{name}", f"{_CONTRACTS}/{name}.py"):
        if (root / taken).exists():
            raise UnableToStart(f"{taken} is there already: choose another name.")


def create(name: str, root: Path = ROOT) -> list[Path]:
    """Write the service's folder, its contracts and their sample; returns the files. What is generated from them is not
    written yet. Raises UnableToStart where the name is refused or no number is left."""
    require_name(name, root)
    number = _free_number(root)
    written = []
    for path in _example(root):
        text = _NUMBER.sub(f"number = {number}", _renamed(path.read_text(encoding="utf-8"), name))
        target = root / str(path.relative_to(root)).replace(EXAMPLE, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written


def _example(root: Path) -> Iterator[Path]:
    """All that the example is made of."""
    for path in sorted((root / "services" / EXAMPLE).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path
    yield root / _CONTRACTS / f"{EXAMPLE}.py"
    yield from sorted((root / "libs/contracts/samples").glob(f"{EXAMPLE}.*.json"))


def _renamed(text: str, name: str) -> str:
    for words in (f"The example service ({EXAMPLE})", "The example service"):
        text = text.replace(words, name.capitalize())
    text = text.replace("the example service", name)
    return text.replace(EXAMPLE.capitalize(), name.capitalize()).replace(EXAMPLE, name)


def _free_number(root: Path) -> int:
    taken = {declared_number(folder) for folder in (root / "services").iterdir()}
    free = next((number for number in range(1, LARGEST_NUMBER + 1) if number not in taken), None)
    if free is None:
        raise UnableToStart(f"There are {LARGEST_NUMBER} services already: no number is left.")
    return free


def _tidy(written: Sequence[Path], root: Path) -> None:
    """The formatter's order and line breaks depend on the name's letters; the documents name every event."""
    python = [str(path) for path in written if path.suffix == ".py"]
    for step in (
        ("ruff", "check", "--quiet", "--fix", *python),
        ("ruff", "format", "--quiet", *python),
        ("gerai.contracts.generate",),
    ):
        subprocess.run([sys.executable, "-m", *step], cwd=root, check=True)


async def new_service(name: str) -> int:
    written = create(name)
    _tidy(written, ROOT)
    (service,) = [found for found in service_folders() if found.name == name]
    listed = ", ".join(f"{process} {port}" for process, port in service.ports().items())
    print(
        f"services/{name} is there, with number {service.number} ({listed}).\n"
        f"It counts tickets per hour as the example does: change {_CONTRACTS}/{name}.py and\n"
        f"services/{name} into what it is for. ARCHITECTURE.md walks through it; `make check` and `make up` know it."
    )
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="local.new_service", description=__doc__)
    parser.add_argument("name")
    return command.run(new_service(parser.parse_args(arguments).name))


if __name__ == "__main__":
    raise SystemExit(main())
