"""The README, done by somebody who has nothing: each of its commands, on a bare machine, from the first to the last."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gerai.chassis.testing import eventually
from tests.newcomer.box import Box, bare_machine, masked, why_not
from tests.newcomer.readme import README, commands

COMMANDS = commands(README.read_text(encoding="utf-8"))
BARE = ("python3", "make", "git")
"""What brings the checkout here and begins the installation."""
READY_SECONDS = 600
pytestmark = pytest.mark.timeout(1_500)


@pytest.fixture(scope="module")
def box() -> Iterator[Box]:
    lacks = why_not()
    assert lacks is None, lacks
    with bare_machine() as machine:
        machine.root(f"apt-get -qq install -y {' '.join(BARE)} > /dev/null 2>&1")
        yield machine


def test_what_is_missing_is_said_in_one_sentence_before_the_first_download(box: Box) -> None:
    done = box.run(COMMANDS.up)
    assert done.returncode != 0
    sentence = done.stdout.splitlines()[0]
    told = re.fullmatch(
        r"This machine lacks .*: run `sudo (apt-get install (.*))`, then try again\.", sentence
    )
    assert told is not None, done.stdout
    assert {*BARE, *told[2].split()} == set(COMMANDS.packages), "the README names what is needed, and no more"
    assert box.run("test -e .venv || test -e .gerai/cache").returncode != 0, "nothing was downloaded"


async def test_the_readmes_commands_do_what_it_says(box: Box, tmp_path: Path) -> None:
    box.root(f"apt-get -qq install -y {' '.join(COMMANDS.packages)} > /dev/null 2>&1")
    log = tmp_path / "up.log"
    with box.running(COMMANDS.up, log) as up:

        async def said() -> str:
            text = masked(log.read_text(encoding="utf-8"))
            assert up.poll() is None, text
            return text

        ready = await eventually(
            said, lambda text: "Ctrl-C stops everything" in text, because="it is up", within=READY_SECONDS
        )
        assert "The mall is open" in ready
        for command in COMMANDS.meanwhile:
            assert command in ready, "the welcome says it too, ready to be pasted"
            done = box.run(command, seconds=120)
            assert done.returncode == 0, done.stdout
        assert "ticket-called" in done.stdout, "the last of them shows the way of the number and of its call"
        box.interrupt()
        up.wait(60)
    assert "Everything is stopped" in log.read_text(encoding="utf-8")
    for command in COMMANDS.afterwards:
        done = box.run(command)
        assert done.returncode == 0, done.stdout
        assert "Nothing is missing" in done.stdout
