"""A service is known by its folder: what it declares there decides its ports, and nobody else's."""

from pathlib import Path

import pytest

from local import ports
from local.failure import UnableToStart
from local.services import service_folders


def add(
    root: Path, name: str, *, project: str | None = "[tool.gerai]\nnumber = 1\n", runs: bool = True
) -> None:
    package = root / "services" / name / "src" / "gerai" / name
    package.mkdir(parents=True)
    if runs:
        (package / "__main__.py").touch()
    if project is not None:
        (root / "services" / name / "pyproject.toml").write_text(project)


def numbered(number: object) -> str:
    return f"[tool.gerai]\nnumber = {number}\n"


class TestServiceFolders:
    def test_they_are_found_in_the_order_of_their_numbers(self, tmp_path):
        add(tmp_path, "antrean", project=numbered(7))
        add(tmp_path, "warta", project=numbered(2))
        assert [(found.name, found.number) for found in service_folders(tmp_path)] == [
            ("warta", 2),
            ("antrean", 7),
        ]

    def test_a_folder_that_cannot_run_yet_is_no_service(self, tmp_path):
        add(tmp_path, "antrean", project=None, runs=False)
        assert service_folders(tmp_path) == ()

    def test_ports_follow_from_the_number_alone(self, tmp_path):
        add(tmp_path, "loket", project=numbered(4))
        (alone,) = service_folders(tmp_path)
        assert alone.ports() == {
            "loket": 8104,
            "loket-worker": 8154,
            "loket-operators": 8204,
            "loket-worker-operators": 8254,
        }
        add(tmp_path, "antrean", project=numbered(3))
        assert service_folders(tmp_path)[1] == alone

    def test_no_two_processes_of_all_numbers_share_a_port(self, tmp_path):
        for number in range(1, 50):
            add(tmp_path, f"s{number}", project=numbered(number))
        every = [port for found in service_folders(tmp_path) for port in found.ports().values()]
        every += [
            port
            for name, port in ports.defaults().items()
            if name in ("issuer", "kafka", "zipkin", "mongodb")
        ]
        assert len(every) == len(set(every)) == 49 * 4 + 4

    @pytest.mark.parametrize(
        "project", [None, "", "[tool.gerai]\n", numbered(0), numbered(50), numbered('"1"'), numbered("true")]
    )
    def test_one_without_a_good_number_is_named(self, tmp_path, project):
        add(tmp_path, "loket", project=project)
        with pytest.raises(UnableToStart, match=r"services/loket/pyproject.toml does not say its number"):
            service_folders(tmp_path)

    def test_two_of_one_number_are_named(self, tmp_path):
        for name in ("antrean", "loket"):
            add(tmp_path, name)
        with pytest.raises(UnableToStart, match="services/antrean and services/loket both have the number 1"):
            service_folders(tmp_path)
