import subprocess
import sys

import pytest

from local.places import ROOT
from local.turn import turn

HOLDS_IT_AND_SAYS_SO = """
import sys
from pathlib import Path
from local.turn import turn
with turn(Path(sys.argv[1]), seconds=0, otherwise=RuntimeError("taken")):
    print("mine", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path):
    return tmp_path / "not" / "there yet" / "a.lock"


@pytest.fixture
def holder(lock):
    argv = [sys.executable, "-c", HOLDS_IT_AND_SAYS_SO, str(lock)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT / "deploy", text=True
    ) as process:
        assert process.stdout.readline() == "mine\n"
        yield process
        process.kill()


class Refused(Exception):
    pass


def test_what_another_process_holds_is_refused_after_the_limit(lock, holder):
    with pytest.raises(Refused, match="busy"), turn(lock, seconds=0.3, otherwise=Refused("busy")):
        pytest.fail("two hold it at once")


def test_who_waits_gets_it_when_its_holder_is_killed(lock, holder):
    holder.kill()
    with turn(lock, seconds=30, otherwise=Refused()):
        assert lock.exists()


def test_a_turn_that_ended_in_an_error_is_over(lock):
    with pytest.raises(ZeroDivisionError), turn(lock, seconds=0, otherwise=Refused()):
        raise ZeroDivisionError
    with turn(lock, seconds=0, otherwise=Refused()):
        assert lock.exists()
