"""What the machine itself must have: looked at before the first download, and said in one sentence that names the
packages to install.

Nothing but the standard library: the installation uses it before anything is installed.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shlex
import shutil
import sys
from pathlib import Path

ARCHITECTURES = ("x86_64", "aarch64")
OLDEST_GLIBC = (2, 34)
"""What the `mongod` of our wheel is linked against. Java is content with less."""
OLDEST_PIP = (22, 3)
"""The first that fills another environment than its own (`--python`)."""

_LIBRARIES = {
    "libcurl.so.4": ("libcurl4", "libcurl"),
    "libssl.so.3": ("libssl3", "openssl-libs"),
    "libcrypto.so.3": ("libssl3", "openssl-libs"),
    "liblzma.so.5": ("liblzma5", "xz-libs"),
    "libgcc_s.so.1": ("libgcc-s1", "libgcc"),
}
"""What `mongod` loads beside the C library, and who has it: Debian and Ubuntu, Fedora and Red Hat."""


def shortcoming() -> str | None:
    """Why Gerai can't be installed or run here, as one sentence; None where nothing is missing."""
    return unfit() or lacking(missing_python() + missing_libraries())


def unfit() -> str | None:
    """What no package mends: the MongoDB and the Java that come as wheels are programs for one kind of system."""
    if sys.platform != "linux" or platform.machine() not in ARCHITECTURES:
        return (
            f"Gerai runs on Linux on {' or '.join(ARCHITECTURES)}, and this is {platform.system()} "
            f"on {platform.machine()}."
        )
    glibc = _glibc()
    if glibc is None or glibc < OLDEST_GLIBC:
        have = "another C library (musl?)" if glibc is None else f"glibc {glibc[0]}.{glibc[1]}"
        return (
            f"The MongoDB and the Java that Gerai brings need glibc {OLDEST_GLIBC[0]}.{OLDEST_GLIBC[1]} or newer, "
            f"and this system has {have}: use Debian 12, Ubuntu 24.04, Fedora 36 or something newer."
        )
    return None


def missing_python() -> list[tuple[str, str]]:
    """The package that lets this Python make an environment and fill it. A uv or a pip that is there will do."""
    if not all(_has(module) for module in ("venv", "ctypes")):
        return [("python3", "python3"), (_venv_package(), "python3")]
    if _has("ensurepip") or shutil.which("uv") is not None or pip_fills_others():
        return []
    return [(_venv_package(), "python3-pip")]


def missing_libraries() -> list[tuple[str, str]]:
    """The packages of what our `mongod` loads; none where another MongoDB is used."""
    if os.environ.get("MONGODB_URI") or shutil.which("mongod") is not None:
        return []
    return [packages for name, packages in _LIBRARIES.items() if not _loads(name)]


def lacking(packages: list[tuple[str, str]]) -> str | None:
    """One sentence with the command that brings these packages, as this system calls them."""
    if not packages:
        return None
    kinds = _kinds_of_system()
    for column, command, of in ((0, "apt-get", {"debian", "ubuntu"}), (1, "dnf", {"fedora", "rhel"})):
        if kinds & of:
            names = " ".join(dict.fromkeys(package[column] for package in packages))
            return f"This machine lacks {names}: run `sudo {command} install {names}`, then try again."
    names = ", ".join(dict.fromkeys(package[0] for package in packages))
    return f"This machine lacks what Debian calls {names}: install your system's packages for it, then try again."


def pip_fills_others() -> bool:
    """Whether this Python has a pip that can install into another environment."""
    if not _has("pip"):
        return False
    import pip

    return tuple(int(part) for part in pip.__version__.split(".")[:2] if part.isdigit()) >= OLDEST_PIP


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _loads(library: str) -> bool:
    import ctypes  # a minimal Python comes without it

    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _glibc() -> tuple[int, ...] | None:
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (ValueError, OSError):  # musl knows no such name
        return None
    return tuple(int(part) for part in version.split(".")) if name == "glibc" else None


def _venv_package() -> str:
    """Debian splits it off each Python; the one without a number belongs to /usr/bin/python3."""
    default = Path(sys.executable).resolve() == Path("/usr/bin/python3").resolve()
    return "python3-venv" if default else f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def _kinds_of_system(release: Path = Path("/etc/os-release")) -> set[str]:
    """`debian`, `ubuntu`, …: what it is, and what it is like."""
    try:
        lines = release.read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    return {word for key in ("ID", "ID_LIKE") for word in " ".join(shlex.split(facts.get(key, ""))).split()}
