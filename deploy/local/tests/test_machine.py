import ctypes
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local import bootstrap, machine, mongodb
from local.bootstrap import Checkout, UnableToInstall
from local.failure import UnableToStart


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Takes modules, programs and libraries away from this machine."""

    def take(*names: str) -> None:
        find, which, load = importlib.util.find_spec, shutil.which, ctypes.CDLL
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in names else find(name))
        monkeypatch.setattr(shutil, "which", lambda name: None if name in names else which(name))

        def loaded(name: str) -> ctypes.CDLL:
            if name in names:
                raise OSError(f"{name}: cannot open shared object file")
            return load(name)

        monkeypatch.setattr(ctypes, "CDLL", loaded)

    monkeypatch.delenv("MONGODB_URI", raising=False)
    monkeypatch.setattr(machine, "_kinds_of_system", lambda: {"debian"})
    return take


class TestAMachineThatLacksSomething:
    def test_is_told_all_of_it_and_the_command_that_brings_it_before_any_tool_runs(
        self, tmp_path, monkeypatch, without
    ):
        without("ensurepip", "uv", "pip", "mongod", "libcurl.so.4")
        monkeypatch.setattr(machine, "_venv_package", lambda: "python3-venv")
        (tmp_path / "requirements.lock").touch()
        monkeypatch.setattr(bootstrap, "_run", lambda *_: pytest.fail("nothing should run"))
        with pytest.raises(UnableToInstall) as refusal:
            bootstrap.install(Checkout(tmp_path))
        assert str(refusal.value) == (
            "This machine lacks python3-venv libcurl4: run `sudo apt-get install python3-venv libcurl4`, then try again."
        )
        assert not Checkout(tmp_path).venv.exists()

    def test_hears_the_names_of_its_own_system(self, monkeypatch):
        packages = [("libcurl4", "libcurl"), ("libssl3", "openssl-libs"), ("libssl3", "openssl-libs")]
        monkeypatch.setattr(machine, "_kinds_of_system", lambda: {"rocky", "rhel", "fedora"})
        assert "run `sudo dnf install libcurl openssl-libs`" in (machine.lacking(packages) or "")
        monkeypatch.setattr(machine, "_kinds_of_system", lambda: {"arch"})
        assert "what Debian calls libcurl4, libssl3: install your system's" in (
            machine.lacking(packages) or ""
        )

    @pytest.mark.parametrize("other", ["uv", "pip"])
    def test_needs_no_ensurepip_where_something_else_fills_an_environment(self, monkeypatch, without, other):
        without("ensurepip", *({"uv", "pip"} - {other}))
        monkeypatch.setattr(machine, "pip_fills_others", lambda: other == "pip")
        if other == "uv":
            monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
        assert machine.missing_python() == []

    @pytest.mark.parametrize("given", ["a MONGODB_URI", "a mongod"])
    def test_needs_no_library_of_mongod_where_another_one_is_used(self, monkeypatch, without, given):
        without("libcurl.so.4")
        if given == "a mongod":
            monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        else:
            monkeypatch.setenv("MONGODB_URI", "mongodb://elsewhere")
        assert machine.missing_libraries() == []

    def test_is_told_so_at_a_later_start_too(self, tmp_path, without):
        without("mongod", "libcurl.so.4")
        with pytest.raises(UnableToStart, match="This machine lacks libcurl4"):
            mongodb.program(directory=tmp_path, port=1)

    def test_has_everything_where_these_tests_run(self):
        assert machine.shortcoming() is None


class TestASystemThatNoPackageMends:
    def test_is_told_what_is_needed(self, monkeypatch):
        monkeypatch.setattr(platform, "machine", lambda: "riscv64")
        assert (
            machine.shortcoming() == "Gerai runs on Linux on x86_64 or aarch64, and this is Linux on riscv64."
        )

    @pytest.mark.parametrize(
        ("library", "has"),
        [
            ("glibc 2.31", "this system has glibc 2.31: use Debian 12"),
            (None, "has another C library (musl?)"),
        ],
    )
    def test_is_told_which_c_library_is_needed(self, monkeypatch, library, has):
        monkeypatch.setattr(os, "confstr", lambda name: library)
        said = machine.shortcoming() or ""
        assert "need glibc 2.34 or newer" in said
        assert has in said


class TestWhoFillsTheEnvironment:
    @pytest.fixture
    def ran(self, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
        commands: list[list[str]] = []
        monkeypatch.setattr(bootstrap, "_run", lambda _, argv, doing: commands.append(list(argv)))
        return commands

    def test_is_pythons_own_pip_where_it_has_one(self, tmp_path, ran):
        checkout = Checkout(tmp_path)
        assert bootstrap._installer(checkout)[:4] == [str(checkout.python), "-m", "pip", "install"]
        assert ran == [[str(checkout.python), "-m", "ensurepip", "--upgrade", "--default-pip"]]

    def test_is_a_uv_on_the_path_or_else_the_systems_pip(self, tmp_path, ran, without, monkeypatch):
        checkout = Checkout(tmp_path)
        without("ensurepip", "uv")
        assert bootstrap._installer(checkout)[:5] == [
            *(sys.executable, "-m", "pip"),
            *("--python", str(checkout.python)),
        ]
        monkeypatch.setattr(shutil, "which", lambda name: "/opt/uv")
        assert bootstrap._installer(checkout) == [
            "/opt/uv",
            "pip",
            "install",
            "--python",
            str(checkout.python),
        ]
        assert ran == []


def test_a_system_is_known_by_its_release_file(tmp_path: Path):
    release = tmp_path / "os-release"
    release.write_text('NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n')
    assert machine._kinds_of_system(release) == {"linuxmint", "ubuntu", "debian"}
    assert machine._kinds_of_system(tmp_path / "none") == set()
