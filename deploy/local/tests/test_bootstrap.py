import ast
import os
import re
import shutil
import subprocess
import sys

import pytest

from local import bootstrap
from local.bootstrap import Checkout, UnableToInstall, explain
from local.places import ROOT

LOCAL = ROOT / "deploy" / "local"
WITHOUT_PACKAGES = ("bootstrap.py", "machine.py", "turn.py")


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "requirements.lock").write_text(
        "uv==0.9 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\nuv-build==0.9 \\\n    --hash=sha256:cc\n"
    )
    for member in ("libs/contracts", "services/queue"):
        (tmp_path / member).mkdir(parents=True)
        (tmp_path / member / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "services" / "notes").mkdir()
    return Checkout(tmp_path)


def pretend_installed(checkout: Checkout) -> None:
    checkout.python.parent.mkdir(parents=True)
    checkout.python.symlink_to(sys.executable)
    checkout.stamp.write_text(checkout.wanted())


class TestStamp:
    def test_a_fresh_checkout_is_not_current(self, checkout):
        assert not checkout.current()

    def test_what_was_installed_is_current_until_something_changes(self, checkout):
        pretend_installed(checkout)
        assert checkout.current()
        (checkout.root / "libs/contracts/pyproject.toml").write_text("[project]\nname='x'\n")
        assert not checkout.current()

    def test_a_new_member_or_another_pin_counts_as_a_change(self, checkout):
        before = checkout.wanted()
        (checkout.root / "services/notes/pyproject.toml").write_text("[project]\n")
        with_member = checkout.wanted()
        checkout.lock.write_text(checkout.lock.read_text().replace("0.9", "0.10"))
        assert len({before, with_member, checkout.wanted()}) == 3

    def test_a_current_checkout_runs_no_tool(self, checkout, monkeypatch):
        pretend_installed(checkout)
        monkeypatch.setattr(bootstrap, "_run", lambda *_: pytest.fail("nothing should run"))
        bootstrap.install(checkout)

    def test_the_folder_of_data_and_logs_is_its_owners_alone(self, checkout):
        pretend_installed(checkout)
        state = checkout.root / ".gerai"
        state.mkdir(mode=0o755)
        bootstrap.install(checkout)
        assert state.stat().st_mode & 0o777 == 0o700

    def test_a_step_that_fails_leaves_no_stamp(self, checkout, monkeypatch):
        pretend_installed(checkout)
        checkout.lock.write_text(checkout.lock.read_text() + "# changed\n")
        monkeypatch.setattr(bootstrap, "_make_venv", lambda *_: None)
        monkeypatch.setattr(bootstrap, "_install_uv", lambda c: bootstrap._run(c, ["false"], "installing uv"))
        with pytest.raises(UnableToInstall, match="It failed while installing uv"):
            bootstrap.install(checkout)
        assert not checkout.stamp.exists()


class TestPins:
    def test_are_the_lines_of_one_package_only(self, checkout):
        assert checkout.pins("uv") == "uv==0.9 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"

    def test_the_real_lock_pins_uv(self):
        assert "--hash=sha256:" in Checkout(ROOT).pins("uv")


class TestTheEnvironmentOfTheTools:
    def test_keeps_all_downloads_in_the_checkout(self, checkout, monkeypatch):
        monkeypatch.setenv("UV_CACHE_DIR", "/somewhere/else")
        monkeypatch.delenv("PIP_NO_CACHE_DIR", raising=False)
        env = bootstrap._environment(checkout)
        assert env["UV_CACHE_DIR"] == str(checkout.root / ".gerai" / "cache" / "uv")
        assert env["PIP_NO_CACHE_DIR"] == "1"

    def test_keeps_them_where_make_clean_removes_them(self, checkout):
        recipe = re.search(r"^clean:.*\n\t@rm -rf (.+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert recipe is not None
        kept = (checkout.venv, checkout.log, checkout.cache)
        assert {path.relative_to(checkout.root).parts[0] for path in kept} <= set(recipe.group(1).split())

    def test_is_otherwise_that_of_the_shell_without_another_environments_packages(
        self, checkout, monkeypatch
    ):
        monkeypatch.setenv("PYTHONPATH", "/elsewhere")
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        env = bootstrap._environment(checkout)
        assert "PYTHONPATH" not in env
        assert env["HTTPS_PROXY"] == "http://proxy:3128"


class TestExplanations:
    @pytest.mark.parametrize(
        ("output", "sentence"),
        [
            ("OSError: [Errno 28] No space left on device", "The disk is full"),
            ("error: failed to write (os error 28)", "The disk is full"),
            (
                "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES; they do not match the hashes",
                "is not the file",
            ),
            ("error: error sending request for url: dns error", "can't be reached"),
            ("ERROR: No matching distribution found for uv==0.9", "can't be reached"),
            ("something else\nat last", "It failed while testing: at last"),
        ],
    )
    def test_say_what_a_person_needs_to_know(self, checkout, output, sentence):
        assert sentence in explain("testing", output, checkout.log)


class TestAnOldPython:
    def test_is_told_what_is_needed(self, monkeypatch, capsys):
        monkeypatch.setattr(sys, "version_info", (3, 9, 2))
        monkeypatch.setattr(bootstrap, "_newer_python", lambda: None)
        assert bootstrap.main() == 1
        assert "needs Python 3.11 or newer, and this is 3.9.2" in capsys.readouterr().err

    @pytest.mark.parametrize("file", WITHOUT_PACKAGES)
    def test_can_at_least_read_the_files(self, file):
        ast.parse((LOCAL / file).read_text(), feature_version=(3, 8))


class TestWithoutANetwork:
    def test_it_says_so_in_one_line_and_leaves_no_stamp(self, tmp_path):
        (tmp_path / "deploy" / "local").mkdir(parents=True)
        for file in WITHOUT_PACKAGES:
            shutil.copy(LOCAL / file, tmp_path / "deploy" / "local")
        shutil.copy(ROOT / "requirements.lock", tmp_path)
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PIP_", "UV_"))}
        env |= {"PYTHONPATH": str(tmp_path / "deploy"), "PIP_CONFIG_FILE": os.devnull}
        env |= {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "NO_PROXY": "127.0.0.1"}
        argv = [sys.executable, "-m", "local.bootstrap"]
        found = subprocess.run(
            argv, capture_output=True, text=True, env=env, cwd=tmp_path, timeout=100, check=False
        )
        assert found.returncode == 1
        began, said = found.stderr.splitlines()
        assert began.startswith("Installing into .venv")
        assert said.startswith("The Python package registry can't be reached: check the network")
        assert str(tmp_path / ".gerai" / "install.log") in said
        assert Checkout(tmp_path).python.exists()
        assert not Checkout(tmp_path).stamp.exists()


class TestTheCommand:
    def test_needs_nothing_that_is_not_in_the_standard_library(self):
        code = "import sys; sys.path.insert(0, 'deploy'); import local.bootstrap"
        subprocess.run([sys.executable, "-I", "-S", "-c", code], cwd=ROOT, check=True, timeout=30)
