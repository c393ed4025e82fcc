"""The commands that a newcomer copies from the README, and in which part of the first hour they are typed."""

import re
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"
_LAST_CHAPTER = "## Where to go next"


@dataclass(frozen=True, kw_only=True)
class Commands:
    packages: tuple[str, ...]
    """Those that the README names for Debian."""
    up: str
    meanwhile: tuple[str, ...]
    """In another terminal, while `up` runs."""
    afterwards: tuple[str, ...]


def commands(text: str) -> Commands:
    """Every line of the README's shell blocks, each in its place: none may be left out."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text.partition(_LAST_CHAPTER)[0], re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    (install,) = (line for line in lines if line.startswith("sudo apt-get install "))
    (up,) = (line for line in lines if line.startswith("make up"))
    afterwards = tuple(line for line in lines if line.startswith("make demo"))
    meanwhile = tuple(line for line in lines if line not in (install, up, *afterwards))
    packages = tuple(install.removeprefix("sudo apt-get install ").split())
    return Commands(packages=packages, up=up, meanwhile=meanwhile, afterwards=afterwards)
