"""Which commands `make newcomer` copies from the README."""

from tests.newcomer.readme import README, commands


def test_every_shell_line_of_the_readme_has_its_place() -> None:
    found = commands(README.read_text(encoding="utf-8"))
    assert found.up.startswith("make up")
    assert found.meanwhile == ("make ticket", "make call", "make trace")
    assert found.afterwards == ("make demo",)
    assert "python3-venv" in found.packages
