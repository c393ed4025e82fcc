"""A new service costs one folder: one is made in a copy of the checkout, passes `make check` as it is, starts, and an event
of the queue goes through it to its own topic."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from local.bootstrap import Checkout
from local.places import ROOT

NAME = "loket"
LEFT_OUT = ("PYTHONPATH", "MYPYPATH", "VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "COLUMNS")
"""Of the shell's variables: they speak of this checkout."""
STEP_SECONDS = 400


class Copy:
    """A copy of this checkout with an environment that has its own packages, and ours of others."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.checkout = Checkout(root)

    def fill(self) -> None:
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0"):
            source, target = ROOT / os.fsdecode(name), self.root / os.fsdecode(name)
            if name and source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        if (ROOT / ".mypy_cache").is_dir():  # what did not change need not be checked again
            shutil.copytree(ROOT / ".mypy_cache", self.root / ".mypy_cache")
        shutil.copy(self._made(ROOT / ".venv") / "pyvenv.cfg", self._made(self.root / ".venv"))
        programs = self._made(self.root / ".venv/bin")
        (programs / "python").symlink_to(ROOT / ".venv/bin/python")
        (programs / "ruff").symlink_to(ROOT / ".venv/bin/ruff")
        script = (ROOT / ".venv/bin/lint-imports").read_text().partition("\n")[2]
        (programs / "lint-imports").write_text(f"#!{programs / 'python'}\n{script}")
        (programs / "lint-imports").chmod(0o755)
        self.install()

    def install(self) -> None:
        """As `make install` would, but for what is installed here already: that needs no network and no time."""
        ours = sysconfig.get_path("purelib")
        packages = self._made(self.root / ".venv" / Path(ours).relative_to(ROOT / ".venv"))
        paths = [ours, *(str(member / "src") for member in self.checkout.members())]
        (packages / "shared.pth").write_text("\n".join(paths) + "\n")
        self.checkout.stamp.write_text(self.checkout.wanted())

    def runs(self, *argv: str, **told: str) -> str:
        """What a command says; fails with that where it does."""
        env = {key: value for key, value in os.environ.items() if key not in LEFT_OUT}
        env = {key: value for key, value in env.items() if not key.startswith("GERAI_")} | told
        done = subprocess.run(
            argv, cwd=self.root, env=env, capture_output=True, text=True, timeout=STEP_SECONDS, check=False
        )
        assert done.returncode == 0, f"{' '.join(argv)}:\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def makes(self, *goals: str) -> str:
        return self.runs("make", f"PYTHON={sys.executable}", *goals)

    def changes(self) -> set[str]:
        """The files that are not as they are here, or are not here."""
        return {
            place
            for path in self.root.rglob("*")
            if path.is_file()
            and not {"__pycache__", ".venv", ".gerai", ".mypy_cache", ".ruff_cache"} & set(path.parts)
            and (
                (ours := ROOT / (place := str(path.relative_to(self.root)))).is_file() is False
                or ours.read_bytes() != path.read_bytes()
            )
        }

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    made = Copy(tmp_path_factory.mktemp("checkout"))
    made.fill()
    made.makes("new-service", f"NAME={NAME}")
    return made


def test_it_is_one_folder_its_contracts_and_what_is_generated_from_them(copy: Copy) -> None:
    elsewhere = {place for place in copy.changes() if not place.startswith(f"services/{NAME}/")}
    assert elsewhere == {
        f"libs/contracts/src/gerai/contracts/{NAME}.py",
        f"libs/contracts/samples/{NAME}.hour-counted.v1.json",
        f"libs/contracts/schemas/{NAME}.hour-counted.v1.json",
        "docs/events/README.md",
        "docs/events/asyncapi.json",
    }


@pytest.mark.timeout(2 * STEP_SECONDS)
def test_it_passes_every_check(copy: Copy) -> None:
    copy.install()
    assert " passed" in copy.makes("check")


@pytest.mark.timeout(2 * STEP_SECONDS)
def test_it_starts_and_an_event_of_the_queue_goes_through_to_its_own_topic(
    copy: Copy, mongodb_uri: str, kafka_bootstrap: str
) -> None:
    """Its own tests, which it was written with, do that: on real parts, and with its process as it is deployed."""
    copy.install()
    said = copy.runs(
        *(".venv/bin/python", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"services/{NAME}"),
        MONGODB_URI=mongodb_uri,
        KAFKA_BOOTSTRAP=kafka_bootstrap,
    )
    assert " passed" in said and "skipped" not in said, said
