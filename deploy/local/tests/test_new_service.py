"""`make new-service` writes a service of the example's shape, or says in a sentence why not."""

import shutil
from pathlib import Path

import pytest

from local.failure import UnableToStart
from local.new_service import create, require_name
from local.places import ROOT
from local.services import service_folders


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the example is made of, and a neighbour."""
    for place in ("services/hourly", "services/queue/src", "libs/contracts/src", "libs/contracts/samples"):
        shutil.copytree(ROOT / place, tmp_path / place, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "services/queue/pyproject.toml", tmp_path / "services/queue")
    return tmp_path


class TestTheName:
    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("", "is no name for a service"),
            ("x", "is no name for a service"),
            ("Loket", "is no name for a service"),
            ("loket-dua", "is no name for a service"),
            ("loket2", "is no name for a service"),
            ("../loket", "is no name for a service"),
            ("class", "a word of Python itself"),
            ("match", "a word of Python itself"),
            ("common", "does not say what the service is for"),
            ("utils", "does not say what the service is for"),
            ("kafka", "a part of the platform already"),
            ("queue", "services/queue is there already"),
            ("messaging", "libs/messaging is there already"),
            ("codec", "codec.py is there already"),
        ],
    )
    def test_a_bad_one_is_refused_in_one_sentence(self, name, why):
        with pytest.raises(UnableToStart, match=why) as refused:
            require_name(name)
        assert "\n" not in refused.value.sentence

    def test_a_good_one_passes(self):
        require_name("loket")


class TestWhatIsWritten:
    def test_it_is_a_service_with_the_next_free_number_and_nothing_of_the_example(self, tree):
        before = {path for path in tree.rglob("*") if path.is_file()}
        written = create("loket", tree)
        assert [(service.name, service.number) for service in service_folders(tree)] == [
            ("loket", 1),
            ("queue", 2),
            ("hourly", 3),
        ]
        after = {path for path in tree.rglob("*") if path.is_file()}
        assert after - before == set(written)
        places = {str(path.relative_to(tree)) for path in written}
        assert {
            "services/loket/README.md",
            "services/loket/data-map.md",
            "services/loket/pyproject.toml",
            "services/loket/src/gerai/loket/__main__.py",
            "services/loket/tests/loket_builders.py",
            "services/loket/tests/unit/test_loket.py",
            "services/loket/tests/integration/test_on_real_parts.py",
            "libs/contracts/src/gerai/contracts/loket.py",
            "libs/contracts/samples/loket.hour-counted.v1.json",
        } <= places
        for path in written:
            assert "hourly" not in path.read_text(encoding="utf-8").lower(), path

    def test_a_number_that_a_folder_has_taken_before_it_can_run_is_left_alone(self, tree):
        (tree / "services/antrean").mkdir()
        (tree / "services/antrean/pyproject.toml").write_text("[tool.gerai]\nnumber = 1\n")
        create("loket", tree)
        assert {service.name: service.number for service in service_folders(tree)}["loket"] == 4

    def test_nothing_is_written_over(self, tree):
        create("loket", tree)
        with pytest.raises(UnableToStart, match="services/loket is there already"):
            create("loket", tree)
