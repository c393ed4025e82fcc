"""What the bare machine of `make newcomer` gets from this one and leaves on it: with stand-ins for podman and pip."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.newcomer import box
from tests.newcomer.box import Box, bare_machine, masked

LOGIN = "https://somebody:p@ss@registry.example/simple"
PODMAN = """#!/bin/sh
echo "$@" >> {place}/typed
env > {place}/env
echo "looking in {login}"
case "$1" in {fails}) exit 125 ;; esac
"""
PIP = f"""#!/bin/sh
echo "global.index-url='{LOGIN}'"
"""
LISTS = {
    "http://deb.example/debian/": ("Debian", "main"),
    "http://a.docker.example/debian/": ("Docker", "main"),
    "http://a.backports.example/debian/": ("Debian", "contrib"),
}
RELEASE = """Origin: {origin}
Suite: stable
Codename: bookworm
Architectures: amd64
Components: {component}
SHA256:
 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 0 {component}/binary-amd64/Packages
"""


def program(place: Path, name: str, text: str) -> Path:
    file = place / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the only programs that can be found; temporary folders lie in it, too."""
    program(tmp_path, "podman", PODMAN.format(place=tmp_path, login=LOGIN, fails="nothing"))
    program(tmp_path, "python3", PIP)
    program(tmp_path, "umount", "#!/bin/sh\n")
    for name in ("env", "git"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "missing")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(box, "_BASE", "an-image")
    return tmp_path


class TestALoginOfARegistry:
    def test_is_given_to_the_machine_without_being_typed(self, place):
        with bare_machine():
            pass
        typed = (place / "typed").read_text()
        assert " --env PIP_INDEX_URL " in typed
        assert "p@ss" not in typed
        assert f"PIP_INDEX_URL={LOGIN}\n" in (place / "env").read_text()

    def test_is_not_in_what_is_said_of_a_failure(self, place):
        program(place, "podman", PODMAN.format(place=place, login=LOGIN, fails="run"))
        with pytest.raises(RuntimeError) as told, bare_machine():
            pass
        assert (
            str(told.value) == "podman run ended with 125\nlooking in https://***@registry.example/simple\n"
        )

    def test_is_not_in_what_a_command_says(self, place):
        assert Box("a", dict(os.environ)).run("make up").stdout == f"looking in {masked(LOGIN)}\n"


def test_a_step_of_the_cleaning_up_that_fails_does_not_keep_the_others_from_it(place):
    with pytest.raises(FileNotFoundError, match="podman"), bare_machine():
        assert list(place.glob("gerai-newcomer-*"))
        (place / "bin" / "podman").unlink()
    assert not list(place.glob("gerai-newcomer-*"))


def test_the_base_is_made_from_debian_itself_whatever_else_apt_knows(tmp_path, monkeypatch):
    if shutil.which("apt-get") is None:
        assert box._mirror() == ""
        return
    lists = tmp_path / "lists"
    lists.mkdir()
    sources = tmp_path / "sources.list"
    sources.write_text("".join(f"deb [trusted=yes] {uri} bookworm {of}\n" for uri, (_, of) in LISTS.items()))
    for uri, (origin, component) in LISTS.items():
        name = uri.removeprefix("http://").replace("/", "_") + "dists_bookworm"
        (lists / f"{name}_Release").write_text(RELEASE.format(origin=origin, component=component))
        (lists / f"{name}_{component}_binary-amd64_Packages").touch()
    settings = tmp_path / "apt.conf"
    settings.write_text(
        f'Dir::Etc::sourcelist "{sources}";\nDir::Etc::sourceparts "-";\nDir::State::lists "{lists}/";\n'
        'APT::Architecture "amd64";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(settings))
    assert box._mirror() == "http://deb.example/debian/"


@pytest.mark.parametrize(
    ("has", "named"),
    [
        ((), "apt-get install podman runc debootstrap"),
        (("podman",), "apt-get install runc"),
        (("podman", "runc"), "apt-get install debootstrap"),
    ],
)
def test_what_is_missing_is_named_as_a_package(tmp_path, monkeypatch, has, named):
    for name in has:
        program(tmp_path, name, "#!/bin/sh\n")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(box, "_HYBRID_CGROUPS", tmp_path)
    monkeypatch.setattr(box, "_BASE", "")
    assert named in (box.why_not() or "")
