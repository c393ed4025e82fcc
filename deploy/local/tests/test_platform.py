import asyncio
import json
from pathlib import Path

import httpx
import pytest

from local import kafka, mongodb
from local.failure import UnableToStart
from local.plan import Plan
from local.platform import in_turns, running
from local.supervisor import ProcessDied

STANDINS = {"PYTHONPATH": str(Path(__file__).parent / "standins")}


def standin(data_dir: Path, **options):
    """A platform of stand-ins: the real parts have a test of their own."""
    return running(
        profile="test",
        data_dir=data_dir,
        services=["standin"],
        env=STANDINS | {"GERAI_CLOCK_SPEED": "60"},
        start_mongodb=False,
        start_kafka=False,
        **options,
    )


class TestRunning:
    async def test_tells_every_process_what_it_has_to_know(self, tmp_path):
        async with standin(tmp_path) as platform, httpx.AsyncClient() as client:
            api = (await client.get(platform.url("standin") + "/settings")).json()
            worker = (await client.get(platform.url("standin-worker") + "/settings")).json()
            issuer = (await client.get(platform.issuer_url + "/.well-known/openid-configuration")).json()
        assert (api["GERAI_ROLES"], worker["GERAI_ROLES"]) == ("api", "worker")
        assert api["GERAI_MONGODB_DATABASE"] == "standin"
        assert api["GERAI_ISSUER"] == issuer["issuer"] == platform.issuer_url
        assert api["GERAI_JWKS_URL"] == issuer["jwks_uri"]
        assert api["GERAI_CLOCK_SPEED"] == "60"
        assert not [key for key in api if key.startswith("GERAI_CLOCK_ANCHOR")]
        assert json.loads((tmp_path / "platform.json").read_text())["standin"] == platform.url("standin")

    async def test_passes_the_clock_of_the_shell_on_to_every_process(self, tmp_path, monkeypatch):
        anchors = {
            "GERAI_CLOCK_ANCHOR_REAL": "2026-12-01T00:00:00+00:00",
            "GERAI_CLOCK_ANCHOR_BUSINESS": "2026-12-01T09:00:00+08:00",
        }
        for key, value in anchors.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setenv("GERAI_STOP_SECONDS", "1")
        async with standin(tmp_path) as platform, httpx.AsyncClient() as client:
            told = [
                (await client.get(platform.url(name) + "/settings")).json()
                for name in ("standin", "standin-worker")
            ]
        assert all(settings.items() >= anchors.items() for settings in told)
        assert not any("GERAI_STOP_SECONDS" in settings for settings in told)

    async def test_starts_as_many_replicas_as_it_is_told(self, tmp_path):
        async with standin(tmp_path, replicas={"standin": 3, "standin-worker": 2}) as platform:
            names = {process.name for process in platform.processes}
            assert names == {
                "issuer",
                "standin",
                "standin-2",
                "standin-3",
                "standin-worker",
                "standin-worker-2",
            }
            assert len(set(platform.urls("standin"))) == 3

    async def test_a_process_can_be_killed_and_restarted(self, tmp_path):
        async with standin(tmp_path) as platform:
            process = platform.process("standin")
            await process.kill()
            async with httpx.AsyncClient() as client:
                with pytest.raises(httpx.ConnectError):
                    await client.get(platform.url("standin") + "/health/ready")
                await process.restart()
                assert (await client.get(platform.url("standin") + "/health/ready")).status_code == 200

    async def test_a_port_in_use_is_refused_and_nothing_is_left(self, tmp_path):
        async with standin(tmp_path / "one") as one:
            port = int(one.url("standin").rpartition(":")[2])
            with pytest.raises(UnableToStart, match=f"Port {port}, meant for standin-worker"):
                async with standin(tmp_path / "two", ports={"standin-worker": port}):
                    pytest.fail("it must not start")
        assert not (tmp_path / "two" / "logs").exists()

    async def test_two_parts_on_one_port_are_refused(self, tmp_path):
        with pytest.raises(UnableToStart, match=r"both want port 23456"):
            async with standin(tmp_path, ports={"standin": 23456, "issuer": 23456}):
                pytest.fail("it must not start")

    async def test_a_service_that_cannot_start_is_named(self, tmp_path):
        async def life():
            async with running(
                profile="test",
                data_dir=tmp_path,
                services=["nowhere"],
                start_mongodb=False,
                start_kafka=False,
            ):
                pytest.fail("it must not start")

        with pytest.raises(ProcessDied, match=r"nowhere(-worker)? died(?s:.*)No module named"):
            await asyncio.wait_for(asyncio.create_task(life()), 30)

    async def test_a_given_mongodb_that_is_away_is_refused(self, tmp_path):
        away = "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300"
        with pytest.raises(UnableToStart, match="MONGODB_URI names doesn't answer"):
            async with running(profile="test", data_dir=tmp_path, mongodb_uri=away, start_kafka=False):
                pytest.fail("it must not start")

    async def test_who_wants_its_own_stores_does_not_get_the_given_ones(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MONGODB_URI", "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=300")
        monkeypatch.setenv("KAFKA_BOOTSTRAP", "127.0.0.1:1")
        async with standin(tmp_path, use_given=False) as platform, httpx.AsyncClient() as client:
            told = (await client.get(platform.url("standin") + "/settings")).json()
        assert (told["GERAI_MONGODB_URI"], told["GERAI_KAFKA_BOOTSTRAP"]) == ("", "")


class TestThePlan:
    def plan(self, directory: Path, **stores: str | None) -> Plan:
        return Plan(directory=directory, services=("queue",), replicas={}, ports={}, env={}, **stores)

    def test_stores_that_are_given_are_not_started_and_take_no_port(self, tmp_path, monkeypatch):
        monkeypatch.setenv("MONGODB_URI", "mongodb://elsewhere")
        monkeypatch.setenv("KAFKA_BOOTSTRAP", "elsewhere:9092")
        plan = self.plan(tmp_path, mongodb_uri=mongodb.given_uri(), kafka_bootstrap=kafka.given_bootstrap())
        assert not plan.starts_mongodb
        assert not plan.starts_kafka
        assert plan.names() == [
            "issuer",
            "queue",
            "queue-worker",
            "queue-operators",
            "queue-worker-operators",
        ]

    @pytest.mark.parametrize("empty", [True, False])
    def test_an_empty_setting_gives_none(self, tmp_path, monkeypatch, empty):
        for key in ("MONGODB_URI", "KAFKA_BOOTSTRAP"):
            monkeypatch.setenv(key, "") if empty else monkeypatch.delenv(key, raising=False)
        plan = self.plan(tmp_path, mongodb_uri=mongodb.given_uri(), kafka_bootstrap=kafka.given_bootstrap())
        assert plan.starts_mongodb
        assert plan.starts_kafka


def test_no_cluster_id_of_kafka_looks_like_an_option():
    found = {kafka.new_cluster_id() for _ in range(2_000)}
    assert len(found) == 2_000
    assert not [id for id in found if id.startswith("-") or len(id) != 22]


class TestTurns:
    async def test_steps_begin_in_their_order_and_only_so_many_at_once(self):
        begun: list[int] = []
        running_now, most = 0, 0

        def step(number: int):
            async def take() -> None:
                nonlocal running_now, most
                begun.append(number)
                running_now += 1
                most = max(most, running_now)
                for _ in range(10 - number):  # the first take longest
                    await asyncio.sleep(0)
                running_now -= 1

            return take

        await in_turns([step(number) for number in range(10)], at_once=3)
        assert (begun, most, running_now) == (list(range(10)), 3, 0)

    async def test_a_step_that_fails_ends_the_others(self):
        ended = asyncio.Event()

        async def fails() -> None:
            raise UnableToStart("no")

        async def waits() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        with pytest.raises(ExceptionGroup) as failed:
            await in_turns([waits, fails, waits], at_once=2)
        assert failed.value.exceptions[0].sentence == "no" and ended.is_set()
