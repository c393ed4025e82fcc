import asyncio
import hashlib

import pytest
import requests
from jgo.maven import PythonResolver

from local import jars
from local.failure import UnableToStart
from local.jars import Jar

COORDINATE = "org.example:thing:1.0"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A package server that gives out what the test puts in it."""
    content = {"body": b"genuine"}
    monkeypatch.setattr(jars, "CACHE", tmp_path)
    monkeypatch.setattr(jars, "require_space", lambda *_: None)

    def download(self, artifact):
        if isinstance(content["body"], Exception):
            raise content["body"]
        artifact.cached_path.parent.mkdir(parents=True, exist_ok=True)
        artifact.cached_path.write_bytes(content["body"])
        return artifact.cached_path

    monkeypatch.setattr(PythonResolver, "download", download)
    jar = Jar(COORDINATE, hashlib.sha256(b"genuine").hexdigest())
    monkeypatch.setattr(jars, "locked", lambda bundle: [jar])
    return content


class TestFetch:
    def test_downloads_once(self, registry):
        (path,) = jars.fetch("bundle")
        registry["body"] = AssertionError("it is there already")
        assert jars.fetch("bundle") == [path]
        assert path.read_bytes() == b"genuine"

    def test_replaces_a_damaged_file(self, registry):
        (path,) = jars.fetch("bundle")
        path.write_bytes(b"gen")
        (again,) = jars.fetch("bundle")
        assert again.read_bytes() == b"genuine"

    def test_refuses_a_file_with_another_sum_and_keeps_nothing_of_it(self, registry, tmp_path):
        registry["body"] = b"forged"
        with pytest.raises(UnableToStart, match=r"thing:1\.0 is not the file that jars\.lock pins"):
            jars.fetch("bundle")
        assert not list(tmp_path.rglob("*.jar"))

    @pytest.mark.parametrize(
        ("failure", "sentence"),
        [
            (requests.ConnectionError("no route"), "the package server is out of reach"),
            (RuntimeError("not found in remote repositories"), "doesn't give out"),
            (OSError(28, "No space left on device"), "The disk is full"),
        ],
    )
    def test_says_why_it_cannot(self, registry, failure, sentence):
        registry["body"] = failure
        with pytest.raises(UnableToStart, match=sentence):
            jars.fetch("bundle")


class TestTheLock:
    def test_pins_every_archive_by_its_sum_and_holds_no_address(self):
        for bundle, requested in jars.REQUESTED.items():
            found = jars.locked(bundle)
            assert {jar.coordinate for jar in found} >= set(requested)
            assert all(len(jar.sha256) == 64 for jar in found)
        assert "://" not in jars.LOCK.read_text()

    async def test_what_is_cached_is_given_without_a_download(self, registry):
        expected = await asyncio.to_thread(jars.fetch, "bundle")
        assert await jars.obtain("bundle") == expected


async def test_a_download_that_ends_without_a_word_is_told_in_a_sentence(registry, monkeypatch):
    monkeypatch.setattr(jars.sys, "executable", "/bin/false")
    with pytest.raises(UnableToStart, match="bundle's Java archives ended with code 1: try again"):
        await jars.obtain("bundle")
