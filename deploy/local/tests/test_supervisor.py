import asyncio
import errno
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gerai.chassis.testing import eventually
from local.failure import UnableToStart
from local.ledger import Identity, Ledger, remove_abandoned, wipe
from local.places import ROOT
from local.ports import HOST, free_ports
from local.supervisor import ProcessDied, Program, Supervisor

SLEEP = "import signal; signal.pause()"


def python(name: str, code: str, **options) -> Program:
    return Program(name=name, argv=(sys.executable, "-c", code), **options)


def alive(pid: int) -> bool:
    return Identity.of("any", pid) is not None


async def becomes_true(look: Callable[[], bool], because: str) -> None:
    async def once() -> bool:
        return look()

    await eventually(once, bool, because=because)


class TestSupervisor:
    async def test_stops_what_it_started_when_the_block_ends(self, tmp_path):
        async with Supervisor(tmp_path) as supervisor:
            child = supervisor.add(python("sleeper", SLEEP))
            await child.start()
            assert alive(child.pid)
        assert not alive(child.pid)

    async def test_names_the_one_that_dies_and_stops_the_others(self, tmp_path):
        async def life():
            async with Supervisor(tmp_path) as supervisor:
                sleeper = supervisor.add(python("sleeper", SLEEP))
                await sleeper.start()
                pids.append(sleeper.pid)
                await supervisor.add(python("dying", "print('my last words'); raise SystemExit(3)")).start(
                    wait=False
                )
                await asyncio.Event().wait()

        pids: list[int] = []
        with pytest.raises(ProcessDied, match=r"dying died with exit code 3(?s:.*)my last words"):
            await asyncio.wait_for(asyncio.create_task(life()), 20)
        assert not alive(pids[0])

    async def test_one_that_dies_before_it_is_ready_is_named(self, tmp_path):
        async def never():
            return False

        async def life():
            async with Supervisor(tmp_path) as supervisor:
                await supervisor.add(
                    python("stillborn", "raise SystemExit('no such luck')", ready=never)
                ).start()

        with pytest.raises(ProcessDied, match=r"stillborn died with exit code 1(?s:.*)no such luck"):
            await asyncio.wait_for(asyncio.create_task(life()), 20)

    async def test_one_that_never_gets_ready_is_given_up(self, tmp_path):
        async def never():
            return False

        with pytest.raises(UnableToStart, match="slow was not ready within 0 seconds"):
            async with Supervisor(tmp_path) as supervisor:
                await supervisor.add(python("slow", SLEEP, ready=never, ready_seconds=0.3)).start()

    async def test_a_full_disk_is_said_to_be_one(self, tmp_path):
        async def life():
            async with Supervisor(tmp_path) as supervisor:
                code = "raise SystemExit('OSError: [Errno 28] No space left on device')"
                await supervisor.add(python("store", code)).start(wait=False)
                await asyncio.Event().wait()

        with pytest.raises(ProcessDied, match="store stopped because the disk is full"):
            await asyncio.wait_for(asyncio.create_task(life()), 20)

    async def test_a_disk_that_fills_up_hides_no_death(self, tmp_path, monkeypatch):
        async def life():
            async with Supervisor(tmp_path) as supervisor:
                program = python("store", SLEEP)
                child = supervisor.add(program)
                await child.start()

                def full(*_):
                    raise OSError(errno.ENOSPC, "No space left on device")

                monkeypatch.setattr(Path, "write_text", full)
                os.kill(child.pid, signal.SIGKILL)
                await asyncio.Event().wait()

        with pytest.raises(ProcessDied, match="store died with signal SIGKILL"):
            await asyncio.wait_for(asyncio.create_task(life()), 20)

    async def test_one_that_ignores_the_request_to_stop_is_killed(self, tmp_path):
        deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('{}', 'w'); signal.pause()"
        listening = tmp_path / "listening"
        async with Supervisor(tmp_path) as supervisor:
            child = supervisor.add(python("deaf", deaf.format(listening), stop_seconds=0.3))
            await child.start()
            await becomes_true(listening.exists, "it ignores signals")
        assert not alive(child.pid)

    async def test_higher_layers_stop_first(self, tmp_path):
        log = tmp_path / "order"
        code = (
            "import signal, sys\n"
            "def end(*_):\n    open(r'{log}', 'a').write('{name} '); sys.exit()\n"
            "signal.signal(signal.SIGTERM, end); open(r'{log}.{name}', 'w'); signal.pause()"
        )
        async with Supervisor(tmp_path) as supervisor:
            for layer, name in enumerate(("store", "service")):
                program = python(name, code.format(log=log, name=name), layer=layer)
                await supervisor.add(program).start()
                await becomes_true(log.with_name(f"order.{name}").exists, f"{name} handles signals")
        assert log.read_text().split() == ["service", "store"]

    async def test_a_killed_one_can_be_started_again_and_is_no_failure(self, tmp_path):
        async with Supervisor(tmp_path) as supervisor:
            child = supervisor.add(python("sleeper", SLEEP))
            await child.start()
            first = child.pid
            await child.kill()
            assert not alive(first)
            await child.start()
            second = child.pid
            await child.restart()
            assert len({first, second, child.pid}) == 3
            assert supervisor.obituary is None

    async def test_settings_of_the_shell_do_not_leak_into_programs(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GERAI_CLOCK_SPEED", "99")
        seen = tmp_path / "seen"
        code = f"import json, os; open(r'{seen}.draft', 'w').write(json.dumps(dict(os.environ))); os.rename(r'{seen}.draft', r'{seen}'); {SLEEP}"
        async with Supervisor(tmp_path) as supervisor:
            await supervisor.add(python("reader", code, env={"GERAI_ROLES": "api"})).start()
            await becomes_true(seen.exists, "it wrote its environment")
        found = json.loads(seen.read_text())
        assert found["GERAI_ROLES"] == "api"
        assert "GERAI_CLOCK_SPEED" not in found

    async def test_a_port_in_use_is_named_before_anything_starts(self, tmp_path):
        with socket.socket() as other:
            other.bind((HOST, 0))
            other.listen()
            port = other.getsockname()[1]
            with pytest.raises(
                UnableToStart, match=rf"Port {port}, meant for queue-worker.*GERAI_PORT_QUEUE_WORKER="
            ):
                async with Supervisor(tmp_path) as supervisor:
                    await supervisor.add(python("queue-worker", SLEEP, port=port)).start()


class TestAfterAKill:
    """A supervisor that dies by kill -9 can't clean up: the kernel does, and the next start."""

    CODE = """
import asyncio, sys
from pathlib import Path
from local.supervisor import Program, Supervisor

async def main():
    async with Supervisor(Path(sys.argv[1])) as supervisor:
        child = supervisor.add(Program(name="sleeper", argv=(sys.executable, "-c", "import signal; signal.pause()")))
        await child.start()
        print(child.pid, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""

    def start(self, directory: Path) -> tuple[subprocess.Popen[str], int]:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "deploy")}
        argv = [sys.executable, "-c", self.CODE, str(directory)]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=env)
        assert process.stdout is not None
        return process, int(process.stdout.readline())

    async def test_its_programs_die_with_it(self, tmp_path):
        supervisor, child = self.start(tmp_path)
        assert alive(child)
        supervisor.kill()
        supervisor.communicate(timeout=10)
        await becomes_true(lambda: not alive(child), "the kernel kills it with its parent")

    async def test_a_second_one_on_the_same_data_is_refused(self, tmp_path):
        supervisor, _ = self.start(tmp_path)
        with pytest.raises(UnableToStart, match=f"already runs on .* \\(process {supervisor.pid}\\)"):
            Ledger(tmp_path).open()
        supervisor.terminate()
        supervisor.communicate(timeout=20)

    def test_the_next_start_ends_what_is_left_but_nobody_else(self, tmp_path, capsys):
        left = subprocess.Popen([sys.executable, "-c", SLEEP])
        stranger = subprocess.Popen([sys.executable, "-c", SLEEP])
        ours, other = Identity.of("kafka", left.pid), Identity.of("mongodb", stranger.pid)
        # The stranger has the number of a process of ours that is long gone.
        rows = [vars(ours), {**vars(other), "started": "another boot/1"}]
        (tmp_path / "processes.json").write_text(json.dumps(rows))
        ledger = Ledger(tmp_path)
        ledger.open()
        ledger.close()
        assert left.wait(10) == -signal.SIGKILL
        assert stranger.poll() is None
        assert f"kafka (process {left.pid}) is left from an earlier run" in capsys.readouterr().out
        stranger.kill()
        stranger.wait(10)

    def test_abandoned_test_data_are_removed_and_used_or_new_ones_kept(self, tmp_path):
        for name in ("used", "abandoned", "new"):
            (tmp_path / name).mkdir()
        ledger = Ledger(tmp_path / "used")
        ledger.open()
        (tmp_path / "lane.log").touch()
        for name in ("used", "abandoned", "lane.log"):
            os.utime(tmp_path / name, (1_000_000, 1_000_000))
        remove_abandoned(tmp_path)
        ledger.close()
        assert {path.name for path in tmp_path.iterdir()} == {"used", "new", "lane.log"}

    def test_a_folder_that_is_not_ours_is_neither_emptied_nor_touched(self, tmp_path):
        theirs = tmp_path / "morning" / "photo.jpg"
        theirs.parent.mkdir(mode=0o755)
        theirs.touch(mode=0o644)
        with pytest.raises(UnableToStart, match=r"morning would be emptied, but .* GERAI_DATA_DIR"):
            wipe(theirs.parent)
        assert [path.name for path in theirs.parent.iterdir()] == ["photo.jpg"]
        assert stat.S_IMODE(theirs.stat().st_mode) & 0o004, "others may read it as before"

    @pytest.mark.parametrize("mark", ["supervisor.lock", "processes.json", "platform.json", None])
    def test_a_folder_of_ours_or_an_empty_one_is_removed(self, tmp_path, mark):
        ours = tmp_path / "morning"
        ours.mkdir()
        if mark is not None:
            (ours / mark).touch()
            (ours / "mongodb").mkdir()
        wipe(ours)
        assert not ours.exists()

    def test_where_there_is_no_folder_none_is_left(self, tmp_path):
        wipe(tmp_path / "morning")
        assert not (tmp_path / "morning").exists()


class TestFreePorts:
    def test_gives_each_port_once(self):
        assert len(set(free_ports(50))) == 50

    def test_keeps_to_those_of_its_run(self, monkeypatch):
        monkeypatch.setenv("GERAI_FREE_PORTS", "21000-21099")
        assert set(free_ports(20)) <= set(range(21_000, 21_100))
