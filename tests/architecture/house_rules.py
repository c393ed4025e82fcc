"""The house rules that no off-the-shelf linter checks, each a function from a tree to what breaks it."""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from functools import cache
from pathlib import Path

from local.new_service import SAYS_NOTHING

FILE_LIMIT = 400
FUNCTION_LIMIT = 60
EXAMPLE, EXAMPLE_LIMIT = "services/hourly/src", 77
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}
SETTINGS = {"settings", "environ", "getenv"}
IO_MODULES = {"os", "socket", "asyncio", "subprocess", "pathlib", "httpx", "random", "time"}
DRIVER_MODULE = "libs/messaging/src/gerai/messaging/mongo/driver.py"
DRIVER_CALLS = re.compile(
    r"^\s*(from|import) motor\b"
    r"|\b(AsyncMongoClient|MongoClient|start_session|with_transaction)\b"
    r"|(?<!health)(?<!database)\.watch\(",  # but for the driver module's own, and for what watches a service's health
    re.MULTILINE,
)
OWN_CLIENTS = {"deploy/local/mongodb.py", "bench/bare.py"}
"""A server is started before anybody has a database; the yardstick measures the bare driver."""
REGISTRY_HOSTS = re.compile(r"https?://[\w.-]*(pypi|pythonhosted|maven|npmjs|crates|golang)[\w.-]*")

ROOMS = {"domain", "use_cases", "adapters", "entrypoints"}
HALLWAY = {"__init__", "__main__", "bootstrap", "settings", "py"}
"""What lies beside the rooms of a service; `py.typed` is the last."""

Rule = Callable[[Path], Iterator[str]]


def python_files(root: Path) -> Iterator[Path]:
    for top in ("libs", "services", "deploy", "demo", "bench", "tests"):
        for path in sorted((root / top).rglob("*.py")):
            if ".venv" not in path.parts and "__pycache__" not in path.parts:
                yield path


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a file; the rules look at the same files one after the other."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def _sources(root: Path) -> Iterator[Path]:
    return (path for path in python_files(root) if "tests" not in path.relative_to(root).parts)


def _domain(root: Path) -> Iterator[Path]:
    return (path for path in _sources(root) if "domain" in path.relative_to(root).parts)


def files_are_short(root: Path) -> Iterator[str]:
    for path in python_files(root):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > FILE_LIMIT:
            yield f"{path.relative_to(root)}: {lines} lines, more than {FILE_LIMIT}"


def the_example_stays_small(root: Path) -> Iterator[str]:
    """All of its package together: it shows how little a service needs."""
    files = sorted((root / EXAMPLE).rglob("*.py"))
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
    if lines > EXAMPLE_LIMIT:
        yield f"{EXAMPLE}: {lines} lines, more than {EXAMPLE_LIMIT}"


def functions_are_short(root: Path) -> Iterator[str]:
    for path in python_files(root):
        for node in _nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LIMIT:
                    yield f"{path.relative_to(root)}:{node.lineno} {node.name}: {lines} lines"


def names_say_something(root: Path) -> Iterator[str]:
    for path in python_files(root):
        for part in path.relative_to(root).with_suffix("").parts:
            if part.lower() in SAYS_NOTHING:
                yield f"{path.relative_to(root)}: '{part}' does not say what is in it"


def _business(root: Path) -> Iterator[Path]:
    """Where time is business time: all of a service but its adapters, whose leases and timeouts are real."""
    for path in _sources(root):
        parts = path.relative_to(root).parts
        if parts[0] == "services" and "adapters" not in parts:
            yield path


def business_reads_no_clock(root: Path) -> Iterator[str]:
    for path in _business(root):
        for node in _nodes(path):
            if _reads_a_clock(node):
                place = f"{path.relative_to(root)}:{getattr(node, 'lineno', 0)}"
                yield f"{place} reads a clock; business time comes from `house.clock`, as `at`"


def _reads_a_clock(node: ast.AST) -> bool:
    match node:
        case ast.Import(names=names):
            return any(name.name == "time" for name in names)
        case ast.ImportFrom(module="time"):
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id=of) | ast.Attribute(attr=of), attr=asked)):
            return asked in CLOCKS and of in {"datetime", "date", "loop"}
        case _:
            return False


def domain_has_no_io(root: Path) -> Iterator[str]:
    for path in _domain(root):
        for node in _nodes(path):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                if name.split(".")[0] in IO_MODULES:
                    yield f"{path.relative_to(root)}:{node.lineno} imports {name}"
            if isinstance(node, ast.AsyncFunctionDef):
                yield f"{path.relative_to(root)}:{node.lineno} {node.name} is async: the domain awaits nothing"


def refusals_are_named(root: Path) -> Iterator[str]:
    for path in _sources(root):
        for node in _nodes(path):
            if not isinstance(node, ast.ClassDef) or node.name == "Refusal":
                continue
            bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
            if "Refusal" in bases and not node.name.startswith("UnableTo"):
                yield f"{path.relative_to(root)}:{node.lineno} {node.name}: a refusal is named UnableTo…"


def nothing_is_swallowed(root: Path) -> Iterator[str]:
    for path in _sources(root):
        for node in _nodes(path):
            if isinstance(node, ast.ExceptHandler) and all(isinstance(one, ast.Pass) for one in node.body):
                yield f"{path.relative_to(root)}:{node.lineno} an exception is swallowed with `pass`"


def one_driver_module(root: Path) -> Iterator[str]:
    for path in _sources(root):
        place = path.relative_to(root).as_posix()
        if place in {DRIVER_MODULE, *OWN_CLIENTS}:
            continue
        if found := DRIVER_CALLS.search(path.read_text(encoding="utf-8")):
            yield f"{place}: only mongo/driver.py knows the driver, not {found.group(0).strip()}"


def only_bootstrap_reads_settings(root: Path) -> Iterator[str]:
    """A house carries a service's settings to its composition root; everything else receives values."""
    for path in _sources(root):
        place = path.relative_to(root)
        if place.parts[0] != "services" or place.name == "bootstrap.py":
            continue
        for node in _nodes(path):
            match node:
                case ast.Attribute(attr=read) | ast.alias(name=read) if read in SETTINGS:
                    yield f"{place}:{node.lineno} reads {read}; only bootstrap.py does"


def tests_do_not_sleep(root: Path) -> Iterator[str]:
    pattern = re.compile(r"\b(time|asyncio)\.sleep\((?!0\))")
    for path in python_files(root):
        if path.name.startswith("test_") and path.name != "test_house_rules.py":  # it plants one
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                if pattern.search(line):
                    yield f"{path.relative_to(root)}:{number} sleeps; wait for what is expected with `eventually`"


def tests_assert_something(root: Path) -> Iterator[str]:
    for path in python_files(root):
        if not path.name.startswith("test_"):
            continue
        for node in _nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                text = ast.unparse(node)
                if not re.search(
                    r"assert|raises|expect|eventually|require|must_|check|refused|says\(|shows\(|run_state_machine|ast\.parse",
                    text,
                ):
                    yield f"{path.relative_to(root)}:{node.lineno} {node.name} asserts nothing"


def no_registry_address(root: Path) -> Iterator[str]:
    texts = [path for suffix in ("toml", "lock", "md") for path in root.glob(f"*.{suffix}")]
    for path in [*python_files(root), *texts]:
        if path.name == "uv.lock":  # an intermediate step that git ignores
            continue
        if found := REGISTRY_HOSTS.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(root)}: names a package registry: {found.group(0)}"


def every_package_is_watched(root: Path) -> Iterator[str]:
    """What is not installed is not looked at by the import rules and the type checker. Those find services by pattern,
    and libraries by name."""
    imports = ConfigParser()
    imports.read(root / ".importlinter", encoding="utf-8")
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    typed = settings["tool"]["mypy"]["mypy_path"].split(":")
    for package in _packages(root, "libs", "services"):
        place = package.relative_to(root)
        if not (root.joinpath(*place.parts[:2]) / "pyproject.toml").is_file():
            yield f"{place}: its folder has no pyproject.toml, so it is not installed"
        if place.parts[0] == "services":
            continue
        if place.parents[1].as_posix() not in typed:
            yield f"{place}: not on mypy's path in pyproject.toml"
        for section, option, line in _wanted_of_libraries(package.name):
            section = f"importlinter:contract:{section}"
            stated = imports.get(section, option, fallback="").replace(" | ", "\n")
            if line not in stated.strip().splitlines():
                yield f"{place}: {line} is missing in .importlinter, [{section}] {option}"


def _packages(root: Path, *tops: str) -> Iterator[Path]:
    """Folders of Python in the namespace `gerai`."""
    for top in tops:
        for package in sorted(root.glob(f"{top}/*/src/gerai/*")):
            if any(package.rglob("*.py")):
                yield package


def _wanted_of_libraries(name: str) -> Iterator[tuple[str, str, str]]:
    """Contract and option of .importlinter, and the line that must stand there."""
    yield "libraries-in-order", "layers", f"gerai.{name}"
    for modules in (f"gerai.{name}", f"gerai.{name}.**"):
        yield "services-know-libraries-alone", "ignore_imports", f"gerai.** -> {modules}"


def a_service_has_known_rooms(root: Path) -> Iterator[str]:
    """The import rules know the rooms by name: beside them, a module would be free of all rules. A service that is flat,
    as the example is, has none of them; with its first room it has rooms alone."""
    for package in _packages(root, "services"):
        parts = {
            path.name.partition(".")[0]: path for path in package.iterdir() if path.name != "__pycache__"
        }
        if ROOMS & set(parts):
            for stray in sorted(set(parts) - ROOMS - HALLWAY):
                yield f"{parts[stray].relative_to(root)}: not a room of a service ({', '.join(sorted(ROOMS))})"


RULES: tuple[Rule, ...] = (
    files_are_short,
    the_example_stays_small,
    functions_are_short,
    names_say_something,
    business_reads_no_clock,
    domain_has_no_io,
    refusals_are_named,
    nothing_is_swallowed,
    one_driver_module,
    only_bootstrap_reads_settings,
    tests_do_not_sleep,
    tests_assert_something,
    no_registry_address,
    every_package_is_watched,
    a_service_has_known_rooms,
)
