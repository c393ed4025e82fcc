"""Key-encryption keys from a mounted directory: changed without a restart, and refused by name where they are none."""

import base64
import os
from datetime import date
from pathlib import Path
from typing import Annotated, ClassVar

import notes
import pytest

from gerai.chassis.service import UnableToStart, keys_of
from gerai.chassis.service_context import Components, Service
from gerai.chassis.settings import Settings
from gerai.chassis.wrapping_keys import READ_AGAIN_S, MountedKeys, UnusableKeys
from gerai.messaging.aggregate import Aggregate
from gerai.messaging.personal import EncryptedFor, Personal
from gerai.messaging.sealing import UnknownWrappingKey


class Mount:
    """The directory, and the time of a process that reads it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.today = date(2026, 11, 28)
        self.now = 0.0

    def add(self, id: str, raw: bytes | None = None) -> None:
        key = base64.b64encode(os.urandom(32) if raw is None else raw) + b"\n"
        (self.directory / id).write_bytes(key)

    def opened(self) -> MountedKeys:
        return MountedKeys(self.directory, today=lambda: self.today, monotonic=lambda: self.now)


@pytest.fixture
def mount(tmp_path: Path) -> Mount:
    mount = Mount(tmp_path)
    mount.add("2026-01-01")
    return mount


class TestKeys:
    def test_the_newest_whose_day_has_begun_wraps(self, mount: Mount) -> None:
        mount.add("2026-06-01")
        mount.add("2026-12-01")
        keys = mount.opened()
        assert keys.newest().id == "2026-06-01"
        assert keys.get("2026-12-01").id == "2026-12-01", "another process may have begun"
        mount.today = date(2026, 12, 1)
        assert keys.newest().id == "2026-12-01"

    def test_the_directory_is_read_again_without_a_restart(self, mount: Mount) -> None:
        keys = mount.opened()
        mount.add("2026-06-01")
        with pytest.raises(UnknownWrappingKey, match="2026-06-01"):
            keys.get("2026-06-01")
        mount.now = READ_AGAIN_S
        assert keys.get("2026-06-01") == keys.newest()
        (mount.directory / "2026-01-01").unlink()
        mount.now = 2 * READ_AGAIN_S
        assert keys.newest().id == "2026-06-01"
        with pytest.raises(UnknownWrappingKey):
            keys.get("2026-01-01")

    def test_what_cannot_be_read_later_leaves_what_was_read_before(self, mount: Mount) -> None:
        keys = mount.opened()
        mount.add("2026-06-01", b"short")
        mount.now = READ_AGAIN_S
        assert keys.newest().id == "2026-01-01"

    def test_files_of_the_mount_itself_are_no_keys(self, mount: Mount) -> None:
        (mount.directory / "..data").mkdir()
        assert mount.opened().newest().id == "2026-01-01"

    @pytest.mark.parametrize(
        ("name", "content", "why"),
        [
            ("newest", base64.b64encode(bytes(32)), "named after the day"),
            ("20260601", base64.b64encode(bytes(32)), "named after the day"),
            ("2026-06-01", b"not base64!", "not base64"),
            ("2026-06-01", base64.b64encode(bytes(16)), "16 bytes"),
            ("2026-06-01", "kunci\u2026".encode(), "not base64"),
        ],
    )
    def test_what_is_no_key_is_named_at_the_start(
        self, mount: Mount, name: str, content: bytes, why: str
    ) -> None:
        (mount.directory / name).write_bytes(content)
        with pytest.raises(UnusableKeys, match=f"{name}.*{why}") as refused:
            mount.opened()
        assert content.decode() not in str(refused.value)

    def test_no_key_and_none_that_has_begun_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableKeys, match="holds no key"):
            Mount(tmp_path).opened()
        with pytest.raises(UnusableKeys, match="nowhere"):
            MountedKeys(tmp_path / "nowhere")
        mount = Mount(tmp_path)
        mount.add("2027-01-01")
        with pytest.raises(UnusableKeys, match="begun"):
            mount.opened()


def settings(directory: Path | None) -> Settings:
    return Settings(
        environment="development",
        mongodb_uri="mongodb://127.0.0.1:1",
        mongodb_database="none",
        kafka_bootstrap="127.0.0.1:1",
        issuer="http://127.0.0.1:1",
        jwks_url="http://127.0.0.1:1/jwks.json",
        encryption_keys=directory,
    )


class TestStart:
    def test_without_personal_data_no_key_is_needed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gerai.chassis.service.every_kind", lambda: [notes.Note])
        assert keys_of(notes_service(), settings(None)) is None

    def test_what_another_service_keeps_does_not_matter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "gerai.chassis.service.every_kind", lambda: [personal_kind("gerai.other.letters")]
        )
        assert keys_of(notes_service(), settings(None)) is None

    def test_with_personal_data_a_process_does_not_start_without_one(
        self, monkeypatch: pytest.MonkeyPatch, mount: Mount
    ) -> None:
        monkeypatch.setattr("gerai.chassis.service.every_kind", lambda: [personal_kind()])
        with pytest.raises(UnableToStart, match=r"Letter.*GERAI_ENCRYPTION_KEYS"):
            keys_of(notes_service(), settings(None))
        keys = keys_of(notes_service(), settings(mount.directory))
        assert keys is not None and keys.newest().id == "2026-01-01"
        mount.add("newest")
        with pytest.raises(UnableToStart, match="named after the day"):
            keys_of(notes_service(), settings(mount.directory))


def notes_service() -> Service:
    return Service(name="notes", title="Notes", assemble=lambda service_context: Components(routes=[]))


def personal_kind(module: str = "gerai.notes.letters") -> type[Aggregate]:
    class Letter(Aggregate):
        collection: ClassVar[str] = "letters"
        party_id: str
        text: Annotated[Personal[str], EncryptedFor("party_id")]

    Letter.__module__ = module
    return Letter
