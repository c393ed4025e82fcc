import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import places
from local.failure import UnableToStart
from local.once import run_once
from local.platform import running
from local.supervisor import Program, Supervisor
from local.tests.permissions import readable_by_others

WRITES = (
    "import pathlib, sys; pathlib.Path(sys.argv[1]).mkdir(); pathlib.Path(sys.argv[1], 'row').write_text('x')"
)


@pytest.fixture(autouse=True)
def _a_usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


class TestWhatAPlatformKeeps:
    async def test_is_read_by_nobody_else(self, tmp_path):
        directory = tmp_path / "elsewhere" / "up"
        standins = {"PYTHONPATH": str(Path(__file__).parent / "standins")}
        async with running(
            profile="test",
            data_dir=directory,
            services=["standin"],
            env=standins,
            start_mongodb=False,
            start_kafka=False,
        ):
            made = {path.name for path in directory.rglob("*")}
            assert made >= {"key.pem", "platform.json", "processes.json", "standin.log", "supervisor.lock"}
            assert readable_by_others(directory) == []

    async def test_is_read_by_nobody_else_where_a_program_made_it(self, tmp_path):
        async with Supervisor(tmp_path / "up") as supervisor:
            done = tmp_path / "up" / "made"
            code = f"{WRITES}\nimport signal; signal.pause()"

            async def ready() -> bool:
                return (done / "row").exists()

            argv = (sys.executable, "-c", code, str(done))
            await supervisor.add(Program(name="writer", argv=argv, ready=ready)).start()
            assert readable_by_others(tmp_path / "up") == []

    async def test_is_read_by_nobody_else_where_a_tool_made_it(self, tmp_path):
        assert await run_once((sys.executable, "-c", WRITES, str(tmp_path / "made")), seconds=30) == (0, "")
        assert readable_by_others(tmp_path / "made") == []

    async def test_is_closed_at_the_next_start_where_it_was_open(self, tmp_path):
        directory = tmp_path / "up"
        (directory / "issuer").mkdir(parents=True)
        (directory / "issuer" / "key.pem").write_text("a secret")
        (directory / "program").touch(0o755)
        elsewhere = tmp_path / "shared.txt"
        elsewhere.write_text("not ours")
        (directory / "link").symlink_to(elsewhere)
        async with Supervisor(directory):
            assert readable_by_others(directory) == []
        assert stat.S_IMODE((directory / "program").stat().st_mode) == 0o700
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o644

    def test_is_refused_in_a_folder_of_somebody_else(self, tmp_path, monkeypatch):
        def refused(self, mode):
            raise PermissionError(1, "Operation not permitted", str(self))

        (tmp_path / "up").mkdir()
        monkeypatch.setattr(Path, "chmod", refused)
        with pytest.raises(UnableToStart, match=r"up belongs to somebody else: choose a folder of your own"):
            places.private_directory(tmp_path / "up")


class TestAToolOfThisPackage:
    async def test_is_found_without_a_path_in_the_shell(self, monkeypatch):
        monkeypatch.delenv("PYTHONPATH", raising=False)
        assert await run_once((sys.executable, "-c", "import local.jars"), seconds=30) == (0, "")
