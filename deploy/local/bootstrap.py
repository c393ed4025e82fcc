"""`make install`: makes `.venv` in the checkout and puts everything in it that `requirements.lock` pins.

Run by the system's own Python, so it needs nothing but the standard library, and it must at least be readable
for a Python that is too old, to say so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from local import machine
from local.turn import turn

ROOT = Path(__file__).resolve().parents[2]
OLDEST = (3, 11)
NEWEST_TRIED = 14
_SPACE_MB = 1_500
_ANOTHER_INSTALL_SECONDS = 600
_STEP_SECONDS = 1_800


class UnableToInstall(Exception):
    """Why it can't be done, as a sentence for a person."""


class Checkout:
    """A checkout and its environment. Nothing is written elsewhere."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = root / "requirements.lock"
        self.venv = root / ".venv"
        self.python = self.venv / "bin" / "python"
        self.stamp = self.venv / "gerai.stamp"
        self.log = root / ".gerai" / "install.log"
        self.cache = root / ".gerai" / "cache" / "uv"

    def members(self) -> list[Path]:
        """The packages of this checkout, which are installed in place."""
        projects = [*self.root.glob("libs/*/pyproject.toml"), *self.root.glob("services/*/pyproject.toml")]
        return sorted(project.parent for project in projects)

    def wanted(self) -> str:
        """Changes whenever something would have to be installed anew."""
        digest = hashlib.sha256(f"{sys.version_info[:2]} {self.root}".encode())
        for file in [self.lock, Path(__file__), *(member / "pyproject.toml" for member in self.members())]:
            digest.update(f"{file.name} {file.stat().st_size}\n".encode())
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def current(self) -> bool:
        return self.python.exists() and self.stamp.exists() and self.stamp.read_text() == self.wanted()

    def pins(self, name: str) -> str:
        """The lines of one package in the lock file, with its hashes."""
        found = re.search(rf"^{re.escape(name)}==.*(?:\n .*)*", self.lock.read_text(), re.MULTILINE)
        if found is None:
            raise UnableToInstall(
                f"{self.lock.name} doesn't pin {name}: run `make lock` on a working checkout."
            )
        return found.group(0) + "\n"


def install(checkout: Checkout) -> None:
    """Bring the environment to what the lock file says; do nothing where it is that already."""
    _keep_to_ourselves(checkout.log.parent)
    if checkout.current():
        return
    # Two installations into one environment would break it.
    another = UnableToInstall("Another installation has run for ten minutes: stop it.")
    with turn(checkout.root / ".gerai" / "install.lock", seconds=_ANOTHER_INSTALL_SECONDS, otherwise=another):
        if checkout.current():  # another one did it while we waited
            return
        _require_machine()
        _require_space(checkout)
        print("Installing into .venv; the first time takes a minute or two …", file=sys.stderr, flush=True)
        checkout.stamp.unlink(missing_ok=True)
        _make_venv(checkout)
        _install_uv(checkout)
        _install_packages(checkout)
        checkout.stamp.write_text(checkout.wanted())
        print("Installed.", file=sys.stderr, flush=True)


def _keep_to_ourselves(state: Path) -> None:
    """Data, logs and keys of the platform will lie there: nobody else on this machine reads them."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    if state.stat().st_mode & 0o077:
        state.chmod(0o700)


def _make_venv(checkout: Checkout) -> None:
    """Make the environment, anew where it belongs to another Python or is broken. It comes without pip, which Debian
    and Ubuntu keep in a package of its own."""
    if checkout.python.exists():
        probe = (str(checkout.python), "-c", "import sys; print(*sys.version_info[:2])")
        answer = subprocess.run(probe, capture_output=True, text=True, timeout=60, check=False)
        if answer.stdout.split() == [str(part) for part in sys.version_info[:2]]:
            return
    venv = [sys.executable, "-m", "venv", "--without-pip", "--clear", str(checkout.venv)]
    _run(checkout, venv, "making .venv")


def _install_uv(checkout: Checkout) -> None:
    """Put the uv that is pinned into the environment; whoever can do that on this machine does it."""
    pins = checkout.venv / "uv.pins"
    pins.write_text(checkout.pins("uv"))
    _run(checkout, [*_installer(checkout), "--require-hashes", "-r", str(pins)], "installing uv")


def _installer(checkout: Checkout) -> list[str]:
    """The beginning of a command that installs into the environment."""
    python = str(checkout.python)
    quietly = ["--quiet", "--disable-pip-version-check", "--no-input", "--retries", "2", "--timeout", "30"]
    if importlib.util.find_spec("ensurepip") is not None:
        _run(checkout, [python, "-m", "ensurepip", "--upgrade", "--default-pip"], "putting pip into .venv")
        return [python, "-m", "pip", "install", *quietly]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, "pip", "install", "--python", python]
    return [sys.executable, "-m", "pip", "--python", python, "install", *quietly]


def _install_packages(checkout: Checkout) -> None:
    uv = [str(checkout.venv / "bin" / "uv"), "pip"]
    target = ["--python", str(checkout.python)]
    _run(checkout, [*uv, "sync", *target, "--require-hashes", str(checkout.lock)], "installing the packages")
    editable = [part for member in checkout.members() for part in ("-e", str(member))]
    # uv_build is pinned and installed by now; an isolated build would fetch one that is not.
    options = ["--no-build-isolation", "--no-deps", "--offline"]
    _run(checkout, [*uv, "install", *target, *options, *editable], "installing this checkout")


def _run(checkout: Checkout, argv: Sequence[str], doing: str) -> None:
    """Run one step; its output goes to the log, and what a person needs to know becomes a sentence."""
    with checkout.log.open("a") as log:
        print(f"$ {' '.join(argv)}", file=log, flush=True)
        start = log.tell()
        try:
            code = subprocess.run(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=checkout.root,
                env=_environment(checkout),
                timeout=_STEP_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise UnableToInstall(f"{doing.capitalize()} took more than half an hour: try again.") from None
    if code != 0:
        with checkout.log.open(errors="replace") as log:
            log.seek(start)
            raise UnableToInstall(explain(doing, log.read(), checkout.log))


# What the tools say, and what it means. The first that fits is taken.
_MEANINGS = (
    (r"No space left on device|os error 28", "The disk is full: free some space, then try again."),
    (
        r"do not match the hashes|[Hh]ash mismatch|HashMismatch",
        "A downloaded package is not the file that requirements.lock pins: don't trust this network if it happens twice.",
    ),
    (
        r"(?i)error sending request|failed to fetch|connection|temporary failure|timed? ?out|name or service"
        r"|dns error|no matching distribution|could not find a version|proxy|certificate|network|http.* 5\d\d",
        "The Python package registry can't be reached: check the network (and pip's settings), then try again.",
    ),
)


def explain(doing: str, output: str, log: Path) -> str:
    """One sentence about a failed step."""
    for pattern, sentence in _MEANINGS:
        if re.search(pattern, output):
            return f"{sentence} (While {doing}; details: {log})"
    last = output.strip().splitlines()[-1:] or ["it said nothing"]
    return f"It failed while {doing}: {last[0].strip()} (details: {log})"


def _environment(checkout: Checkout) -> dict[str, str]:
    """That of the shell, with all downloads kept in the checkout and the mirror that pip knows.

    uv doesn't read pip's settings; a machine with a mirror usually has it there.
    """
    env = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    }
    env |= {"UV_CACHE_DIR": str(checkout.cache), "PIP_NO_CACHE_DIR": "1"}
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & set(env):
        listed = _settings_of_pip(checkout, env)
        found = re.search(r"^(?:global|install|:env:)\.index-url='(.+)'$", listed, re.MULTILINE)
        if found is not None:
            env["UV_DEFAULT_INDEX"] = found.group(1)
        certificate = re.search(r"^(?:global|install|:env:)\.cert='(.+)'$", listed, re.MULTILINE)
        if certificate is not None:
            env.setdefault("SSL_CERT_FILE", certificate.group(1))
    return env


def _settings_of_pip(checkout: Checkout, env: dict[str, str]) -> str:
    """What pip is told by its files and by the shell; nothing where there is no pip."""
    for python in (str(checkout.python), sys.executable):
        if Path(python).exists():
            argv = [python, "-m", "pip", "config", "list"]
            said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=env)
            if said.returncode == 0:
                return said.stdout
    index = env.get("PIP_INDEX_URL")
    return f":env:.index-url='{index}'" if index else ""


def _require_machine() -> None:
    shortcoming = machine.shortcoming()
    if shortcoming is not None:
        raise UnableToInstall(shortcoming)


def _require_space(checkout: Checkout) -> None:
    free = shutil.disk_usage(checkout.root).free // 1_000_000
    if free < _SPACE_MB and not checkout.python.exists():
        raise UnableToInstall(
            f"The disk that holds {checkout.root} has {free} MB free, but the installation needs {_SPACE_MB} MB."
        )


def _newer_python() -> str | None:
    """A Python on the PATH that is new enough, where `python3` is not."""
    names = (f"python{OLDEST[0]}.{minor}" for minor in range(NEWEST_TRIED, OLDEST[1] - 1, -1))
    return next((path for name in names if (path := shutil.which(name))), None)


def main() -> int:
    if sys.version_info[:2] < OLDEST:
        newer = _newer_python()
        if newer is not None:
            os.execv(newer, [newer, "-m", "local.bootstrap"])
        have = ".".join(str(part) for part in sys.version_info[:3])
        print(
            f"Gerai needs Python 3.11 or newer, and this is {have}: install one, then try again.",
            file=sys.stderr,
        )
        return 1
    try:
        install(Checkout(ROOT))
    except UnableToInstall as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped; the next run goes on from here.", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"The installation can't write or run something: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
