"""The README of each service says how to run it alone, and the command says all that the service has to know."""

import os
import re
import shlex
from pathlib import Path

import pytest

from gerai.chassis.service_context import Service
from local.services import declarations

ROOT = Path(__file__).resolve().parents[2]
SERVED = declarations()
ASSIGNED = re.compile(r"(GERAI_[A-Z_]+)=(.*)")


def commands(service: Service) -> list[list[str]]:
    """The words of each command in the README's shell blocks that runs the service."""
    text = (ROOT / "services" / service.name / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [words for line in lines if f"gerai.{service.name}" in (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("service", SERVED, ids=lambda service: service.name)
def test_a_command_of_the_readme_starts_the_service_alone(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = commands(service)
    assert found, "the README shows no command"
    for words in found:
        for name in [name for name in os.environ if name.startswith("GERAI_")]:
            monkeypatch.delenv(name)
        stated = [assigned.groups() for word in words if (assigned := ASSIGNED.fullmatch(word))]
        assert words[len(stated) :] == [".venv/bin/python", "-m", f"gerai.{service.name}"]
        for name, value in stated:
            monkeypatch.setenv(name, value)
        settings = service.settings()  # type: ignore[call-arg]
        unknown = {name for name, _ in stated} - {
            f"GERAI_{name.upper()}" for name in type(settings).model_fields
        }
        assert not unknown
