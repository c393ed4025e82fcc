import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import command
from local.failure import UnableToStart
from local.ledger import Identity
from local.places import ROOT
from local.ports import HOST, defaults, free_ports, variable

STANDINS = Path(__file__).parent / "standins"
CODE = """
import asyncio, sys
from pathlib import Path
from local import command
from local.platform import running

async def main():
    async with running(profile="test", data_dir=Path(sys.argv[1]), services=["standin"],
                       env={"PYTHONPATH": sys.argv[2]}, start_mongodb=False, start_kafka=False) as platform:
        print(*(process.pid for process in platform.processes), flush=True)
        await asyncio.Event().wait()

raise SystemExit(command.run(main()))
"""
FULL_DISK = """
import asyncio, hashlib, shutil, sys
from pathlib import Path
from local import command, jars, warm
from local.jars import Jar
from local.platform import running

# One archive that is there already, and no file for faster starts: both programs are to run once, side by side.
jars.CACHE = warm.CACHE = Path(sys.argv[1]) / "cache"
archive = Jar("org.example:thing:1.0", hashlib.sha256(b"").hexdigest())
archive.path.parent.mkdir(parents=True)
archive.path.touch()
jars.locked = lambda bundle: [archive]
shutil.disk_usage = lambda path: shutil._ntuple_diskusage(10**12, 10**12, 7_000_000)

async def main():
    async with running(profile="test", data_dir=Path(sys.argv[1]) / "data", services=["standin"], traces=True,
                       start_mongodb=False, prepare_java=True):
        print("it runs")
    return 0

raise SystemExit(command.run(main()))
"""
GIVEN = """
import sys
from pathlib import Path
from local import command
from local.platform import running

async def main():
    wanted = sys.argv[2]
    async with running(profile="test", data_dir=Path(sys.argv[1]), start_mongodb=wanted == "MONGODB_URI",
                       start_kafka=wanted == "KAFKA_BOOTSTRAP"):
        print("it runs")
    return 0

raise SystemExit(command.run(main()))
"""
ENV = {**os.environ, "PYTHONPATH": str(ROOT / "deploy")}


def start(directory: Path) -> tuple[subprocess.Popen[str], list[int]]:
    argv = [sys.executable, "-c", CODE, str(directory), str(STANDINS)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV)
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


class TestACommand:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_stops_all_it_started_when_it_is_told_to(self, tmp_path, number):
        process, pids = start(tmp_path)
        assert len(pids) == 3
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 128 + number
        assert errors == ""
        assert not [pid for pid in pids if Identity.of("any", pid)]

    def test_an_impatient_second_signal_leaves_nothing_behind(self, tmp_path):
        process, pids = start(tmp_path)
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
        process.communicate(timeout=30)
        assert not [pid for pid in pids if Identity.of("any", pid)]

    def test_says_in_one_sentence_who_died_and_stops_the_rest(self, tmp_path):
        process, pids = start(tmp_path)
        os.kill(pids[1], signal.SIGKILL)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "died with signal SIGKILL" in errors
        assert "Traceback" not in errors
        assert not [pid for pid in pids if Identity.of("any", pid)]


def naming(directory: Path) -> list[str]:
    """The processes that have the directory in their command line."""
    lines = (_command_line(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [line for line in lines if str(directory) in line]


def _command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:  # it has just ended
        return ""


class TestAFullDisk:
    def test_before_java_is_prepared_is_one_sentence(self, tmp_path):
        argv = [sys.executable, "-c", FULL_DISK, str(tmp_path)]
        env = {key: value for key, value in ENV.items() if key not in ("MONGODB_URI", "KAFKA_BOOTSTRAP")}
        found = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=60, check=False)
        assert found.returncode == 1
        assert "has 7 MB free, but Kafka needs 1000 MB: free some space" in found.stderr
        assert found.stderr.count("\n") == 1
        assert "it runs" not in found.stdout
        assert not list((tmp_path / "cache").glob("warm-*"))
        assert not naming(tmp_path)

    def test_while_parts_start_is_one_sentence_and_stops_what_was_started(self, tmp_path):
        # Whatever is written there meets a full disk: the list of processes, once the first of them runs.
        (tmp_path / "processes.draft").symlink_to("/dev/full")
        process, pids = start(tmp_path)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, pids) == (1, [])
        assert errors.startswith("The disk is full: ")
        assert errors.count("\n") == 1
        assert list((tmp_path / "logs").iterdir())
        assert not naming(tmp_path)


class TestGivenStores:
    """`MONGODB_URI` and `KAFKA_BOOTSTRAP`: what can't be used is told, and none of ours starts in its place."""

    @pytest.mark.parametrize(
        ("variable", "value", "sentence"),
        [
            ("KAFKA_BOOTSTRAP", "127.0.0.1:1", "The Kafka at 127.0.0.1:1 (KAFKA_BOOTSTRAP) doesn't answer."),
            (
                "KAFKA_BOOTSTRAP",
                "a:b:c",
                "KAFKA_BOOTSTRAP is 'a:b:c', but it is written like host:9092,other:9092.",
            ),
            (
                "MONGODB_URI",
                "mongodb://127.0.0.1:1/",
                "The MongoDB that MONGODB_URI names doesn't answer (ServerSelectionTimeoutError).",
            ),
            (
                "MONGODB_URI",
                "mongodb://me:secret:1/",
                "MONGODB_URI can't be read: it is written like mongodb://host:27017/?replicaSet=rs0.",
            ),
        ],
    )
    def test_one_that_is_away_or_misspelt_is_one_sentence(self, tmp_path, variable, value, sentence):
        env = {**ENV, variable: value}
        argv = [sys.executable, "-c", GIVEN, str(tmp_path), variable]
        found = subprocess.run(argv, capture_output=True, text=True, env=env, timeout=60, check=False)
        assert (found.returncode, found.stdout) == (1, "")
        assert found.stderr == sentence + "\n"
        assert not (tmp_path / "logs").exists()


class TestFailuresInGroups:
    """Parts that start side by side fail side by side; one sentence is told."""

    def run(self, error: BaseException) -> int:
        async def main() -> int:
            raise error

        return command.run(main())

    def test_words_go_before_a_full_disk_however_deep_they_are(self, capsys):
        full = OSError(errno.ENOSPC, "No space left on device", "/data/x")
        inner = ExceptionGroup("inner", [UnableToStart("Kafka can't."), UnableToStart("Zipkin can't.")])
        assert self.run(ExceptionGroup("outer", [full, inner])) == 1
        assert capsys.readouterr().err == "Kafka can't.\n"

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk_names_the_file(self, capsys, number):
        assert self.run(ExceptionGroup("", [ValueError(), OSError(number, "full", "/data/x")])) == 1
        told = "The disk is full: /data/x can't be written. Free some space, then try again.\n"
        assert capsys.readouterr().err == told

    def test_a_mistake_of_ours_keeps_its_traceback(self):
        with pytest.raises(ExceptionGroup, match="mistake"):
            self.run(ExceptionGroup("mistake", [ValueError("of ours"), OSError(errno.EBADF, "closed")]))


class TestMakeUp:
    def test_a_port_in_use_is_one_sentence_and_starts_nothing(self, tmp_path):
        free = {variable(name): "0" for name in defaults()}
        with socket.socket() as other:
            other.bind((HOST, free_ports(1)[0]))
            other.listen()
            port = str(other.getsockname()[1])
            env = {**ENV, **free, "GERAI_PORT_QUEUE": port, "GERAI_DATA_DIR": str(tmp_path)}
            argv = [sys.executable, "-m", "local"]
            found = subprocess.run(
                argv, capture_output=True, text=True, env=env, cwd=ROOT, timeout=60, check=False
            )
        assert found.returncode == 1
        assert found.stderr.startswith(f"Port {port}, meant for queue, can't be used")
        assert found.stderr.count("\n") == 1
        assert not list(tmp_path.glob("up/logs/*"))

    @pytest.mark.parametrize("port", ["many", "99999"])
    def test_a_port_that_is_none_is_refused(self, tmp_path, port):
        env = {**ENV, "GERAI_PORT_QUEUE": port, "GERAI_DATA_DIR": str(tmp_path)}
        argv = [sys.executable, "-m", "local"]
        found = subprocess.run(
            argv, capture_output=True, text=True, env=env, cwd=ROOT, timeout=60, check=False
        )
        assert found.returncode == 1
        assert found.stderr == f"GERAI_PORT_QUEUE is '{port}', but a port is a number from 0 to 65535.\n"
