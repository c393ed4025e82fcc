"""A bare machine: a container with a minimal Debian, which gets nothing of this machine but the network's settings."""

import ast
import os
import re
import resource
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.places import CACHE, ROOT
from local.turn import turn

SUITE = "bookworm"
USER = "newcomer"
CHECKOUT = f"/home/{USER}/mal pelayanan"
"""A folder with a space in its name: people have such."""
_BASE = os.environ.get("GERAI_NEWCOMER_BASE", "")
"""An image to begin with, where none is to be made here."""
_DEBIAN = ("Origin: Debian", f"Codename: {SUITE}", "Component: main", "Created-By: Packages")
"""Others have a repository for the same release: this is Debian's own."""
_OR_A_BASE = "; or GERAI_NEWCOMER_BASE names an image"
_HYBRID_CGROUPS = Path("/sys/fs/cgroup/unified")
_CERTIFICATES = "/network/certificates.pem"
_CERTIFICATE_SETTINGS = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_REGISTRY_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "proxy")
_STEP_SECONDS = 900


def why_not() -> str | None:
    """What this machine lacks to make such a machine; None where it can."""
    if shutil.which("podman") is None:
        return "there is no podman here (apt-get install podman runc debootstrap)"
    if _HYBRID_CGROUPS.exists() and shutil.which("runc") is None:
        return "podman's crun can't run where cgroups of both versions are: apt-get install runc"
    if _BASE:
        return None
    if shutil.which("debootstrap") is None:
        return f"a base image is made with debootstrap (apt-get install debootstrap){_OR_A_BASE}"
    if os.geteuid() != 0:
        return f"a base image is made by root{_OR_A_BASE}"
    if not _mirror():
        return f"apt has no source of Debian {SUITE} here, of which a base image is made{_OR_A_BASE}"
    return None


class Box:
    """The container. `run` types a command and waits for its end."""

    def __init__(self, name: str, env: dict[str, str]) -> None:
        self.name = name
        self._env = env

    def podman(self, *arguments: str, seconds: float = _STEP_SECONDS) -> "subprocess.CompletedProcess[str]":
        """What came of it; its output without logins of registries, since tests show it."""
        done = subprocess.run(
            ("podman", *arguments),
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        done.stdout = masked(done.stdout)
        return done

    def must(self, *arguments: str) -> str:
        done = self.podman(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"podman {arguments[0]} ended with {done.returncode}\n{done.stdout}")
        return done.stdout

    def root(self, command: str) -> str:
        """Do something as the machine's administrator."""
        return self.must("exec", self.name, "sh", "-ec", command)

    def run(self, command: str, *, seconds: float = _STEP_SECONDS) -> "subprocess.CompletedProcess[str]":
        """Type a command in the checkout, as a user without any rights."""
        return self.podman(*self._typed(command), seconds=seconds)

    @contextmanager
    def running(self, command: str, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
        """A command that runs on, with its output in a file here; `interrupt` is its Ctrl-C."""
        with output.open("wb") as file:
            process = subprocess.Popen(
                ("podman", *self._typed(f"echo $$ > /tmp/group; exec {command}")),
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def interrupt(self) -> None:
        """Ctrl-C: a terminal sends it to the whole group of processes."""
        self.root("kill -INT -$(cat /tmp/group)")

    def _typed(self, command: str) -> Sequence[str]:
        return ("exec", "--user", USER, "--workdir", CHECKOUT, self.name, "sh", "-c", command)


@contextmanager
def bare_machine() -> Iterator[Box]:
    """A container with a clean clone of HEAD in a user's home. All of it is removed afterwards, however it ends."""
    with ExitStack() as afterwards:
        state = Path(tempfile.mkdtemp(prefix="gerai-newcomer-"))
        afterwards.callback(shutil.rmtree, state)
        network = _network()
        box = Box(f"gerai-newcomer-{os.getpid()}", {**_settings_of_podman(state), **network.env})
        # podman leaves its storage mounted; where nothing is mounted, that is no failure
        afterwards.callback(
            subprocess.run, ("umount", "--quiet", str(state / "storage" / "overlay")), timeout=60
        )
        afterwards.callback(box.podman, "rmi", "--force", "--all")
        afterwards.callback(box.podman, "rm", "--force", "--all", "--time", "0")
        image = _BASE or f"localhost/gerai-newcomer-{os.getpid()}"
        if not _BASE:
            box.must("import", "--quiet", str(_base()), image)
        box.must("run", "--detach", "--name", box.name, *network.options, image, "sleep", "3600")
        box.root(f"useradd --create-home {USER}")
        subprocess.run(("git", "clone", "--quiet", str(ROOT), str(state / "clone")), check=True, timeout=120)
        box.must("cp", str(state / "clone"), f"{box.name}:{CHECKOUT}")
        box.root(f"chown -R {USER}: '{CHECKOUT}'; apt-get -qq update")
        yield box


def _base() -> Path:
    """A minimal Debian as an archive: made once, from the mirror that this machine uses."""
    archive = CACHE / "newcomer" / f"{SUITE}.tar"
    with turn(
        archive.with_suffix(".lock"), seconds=600, otherwise=TimeoutError("another run makes the base")
    ):
        if not archive.exists():
            root = Path(tempfile.mkdtemp(prefix="gerai-debian-"))
            try:
                argv = ("debootstrap", "--variant=minbase", SUITE, str(root), _mirror())
                subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=600)
                shutil.rmtree(root / "var" / "cache" / "apt")
                draft = archive.with_suffix(".draft")
                pack = ("tar", "-C", str(root), "--numeric-owner", "-cf", str(draft), ".")
                subprocess.run(pack, check=True, timeout=300)
                draft.replace(archive)
            finally:
                shutil.rmtree(root)
    return archive


def _mirror() -> str:
    """Where this machine's apt gets Debian from; empty where it gets it from nowhere."""
    if shutil.which("apt-get") is None:
        return ""
    argv = ("apt-get", "indextargets", "--format", "$(REPO_URI)", *_DEBIAN)
    found = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    return next(iter(sorted(found.stdout.split())), "")


@dataclass(frozen=True)
class Network:
    """`options` for `podman run`: they name what is in `env`, since everybody sees a command line and logs keep it."""

    options: tuple[str, ...]
    env: dict[str, str]


def _network() -> Network:
    """The settings without which nothing can be downloaded here: registries, proxies, certificates."""
    env = _registries()
    env |= {name: value for name, value in os.environ.items() if name.startswith("UV_") and "INDEX" in name}
    env |= {
        name: value
        for name, value in os.environ.items()
        if name.lower() in ("http_proxy", "https_proxy", "no_proxy")
    }
    volumes: tuple[str, ...] = ()
    certificates = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    inside = dict.fromkeys(_CERTIFICATE_SETTINGS, _CERTIFICATES)
    if certificates and Path(certificates).exists():
        volumes = ("--volume", f"{certificates}:{_CERTIFICATES}:ro")
        volumes += tuple(part for name in inside for part in ("--env", f"{name}={_CERTIFICATES}"))
    named = tuple(part for name in env for part in ("--env", name))
    return Network(options=(*named, *volumes), env=env)


def _registries() -> dict[str, str]:
    """pip's settings of this machine, as variables of the environment."""
    listed = subprocess.run(
        ("python3", "-m", "pip", "config", "list"), capture_output=True, text=True, timeout=60, check=False
    )
    found = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in _REGISTRY_SETTINGS:
            found[f"PIP_{key.upper().replace('-', '_')}"] = ast.literal_eval(value)
    return found


def masked(text: str) -> str:
    """The text without the logins that addresses in it carry."""
    return re.sub(r"(?<=://)[^/\s]+@", "***@", text)


def _settings_of_podman(state: Path) -> dict[str, str]:
    """Storage of its own, and what podman needs where no systemd runs and no limit may be raised."""
    runtime = "runc" if shutil.which("runc") else "crun"
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 65_536)
    (state / "containers.conf").write_text(
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n'
        f'[engine]\nruntime = "{runtime}"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n'
    )
    (state / "storage.conf").write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{state}/storage"\nrunroot = "{state}/run"\n'
    )
    return {
        **os.environ,
        "CONTAINERS_CONF": str(state / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(state / "storage.conf"),
    }
