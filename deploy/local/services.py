"""The services of this checkout. A service is known by its folder, `services/<name>`, and by what that declares; no list
of services is kept anywhere.

A folder is a service once it can run: it has `src/gerai/<name>/__main__.py`. Its pyproject.toml declares one thing that
cannot be derived, its number, from which its ports on one machine follow:

    [tool.gerai]
    number = 3

Everything else stands in its `Service(...)` object, which is named `service` and lies in `gerai.<name>.bootstrap`, or in
`gerai.<name>.service` where there is no such module. This module itself imports no service, so that `make up` need not.
"""

from __future__ import annotations

import importlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from local.failure import UnableToStart
from local.places import ROOT

if TYPE_CHECKING:
    from gerai.chassis import Service

LARGEST_NUMBER = 49
_API, _WORKER, _OPERATORS = 8100, 8150, 100


@dataclass(frozen=True, kw_only=True)
class ServiceFolder:
    name: str
    number: int
    """From 1 to 49, and no other service's. It never changes: nobody's ports move when a service comes or goes."""
    folder: Path

    @property
    def package(self) -> Path:
        return self.folder / "src" / "gerai" / self.name

    def ports(self) -> dict[str, int]:
        """Process or its operators' side → the port that `make up` gives it."""
        api, worker = _API + self.number, _WORKER + self.number
        return {
            self.name: api,
            f"{self.name}-worker": worker,
            f"{self.name}-operators": api + _OPERATORS,
            f"{self.name}-worker-operators": worker + _OPERATORS,
        }

    def declaration(self) -> Service:
        """Its `Service` object. Imports the service."""
        has_bootstrap = (self.package / "bootstrap.py").is_file()
        module = importlib.import_module(f"gerai.{self.name}.{'bootstrap' if has_bootstrap else 'service'}")
        found: Service = module.service
        return found


def service_folders(root: Path = ROOT) -> tuple[ServiceFolder, ...]:
    """Every service of the checkout, by number. Raises UnableToStart where a number is missing, wrong or taken."""
    folders = [
        ServiceFolder(name=folder.name, number=_number(folder), folder=folder)
        for folder in sorted((root / "services").iterdir())
        if (folder / "src" / "gerai" / folder.name / "__main__.py").is_file()
    ]
    by_number: dict[int, ServiceFolder] = {}
    for service in folders:
        other = by_number.setdefault(service.number, service)
        if other is not service:
            raise UnableToStart(
                f"services/{other.name} and services/{service.name} both have the number {service.number}: "
                f"give the newer one another in its pyproject.toml, [tool.gerai]."
            )
    return tuple(by_number[number] for number in sorted(by_number))


def names() -> tuple[str, ...]:
    return tuple(service.name for service in service_folders())


def declarations() -> tuple[Service, ...]:
    """What every service declares, by number. Imports all of them."""
    return tuple(service.declaration() for service in service_folders())


def declared_number(folder: Path) -> object:
    """What a folder says of its number, right or wrong, also before it can run; None where it says nothing."""
    project = folder / "pyproject.toml"
    declared = tomllib.loads(project.read_text(encoding="utf-8")) if project.is_file() else {}
    return declared.get("tool", {}).get("gerai", {}).get("number")


def _number(folder: Path) -> int:
    number = declared_number(folder)
    if type(number) is not int or not 1 <= number <= LARGEST_NUMBER:
        raise UnableToStart(
            f"services/{folder.name}/pyproject.toml does not say its number: "
            f"it needs [tool.gerai] with number = 1 to {LARGEST_NUMBER}."
        )
    return number
