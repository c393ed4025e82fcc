import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.ledger import Identity
from local.places import ROOT
from local.ports import HOST, free_ports

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


class TestMakeUp:
    def test_a_port_in_use_is_one_sentence_and_starts_nothing(self, tmp_path):
        names = "REGISTRY REGISTRY_WORKER QUEUE QUEUE_WORKER HOURLY HOURLY_WORKER ISSUER MONGODB KAFKA ZIPKIN"
        free = {f"GERAI_PORT_{name}": "0" for name in [*names.split(), "KAFKA_CONTROLLER", "OTLP_BRIDGE"]}
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
