"""A process's life without the parts it needs: it says what is wrong, and goes when it is asked to."""

import pytest
from notes_process import notes_process


class TestWithoutADatabase:
    @pytest.mark.parametrize("driver", ["motor", "pymongo"])
    async def test_it_answers_health_serves_nothing_and_stops_at_once(self, driver: str) -> None:
        async with notes_process(mongodb_driver=driver) as notes:
            await notes.reaches("/health/live", 200)
            assert await notes.status_of("/health/startup") == 503
            assert await notes.status_of("/health/ready") == 503
            refused = await notes.http.post("/v1/notes", json={"text": "a"})
            assert (refused.status_code, refused.json()["code"]) == (503, "busy")
            notes.ask_to_stop()
            status, log = await notes.end()
        assert status == 0
        assert log[-1]["event"] == "stopped"
        assert "started" not in {line["event"] for line in log}

    async def test_a_taken_port_is_one_clear_sentence(self) -> None:
        async with notes_process() as first:
            await first.reaches("/health/live", 200)
            async with notes_process(http_port=str(first.port)) as second:
                status, log = await second.end(within=60)
        assert status == 1
        assert [line["event"] for line in log] == ["cannot-go-on"]
        assert log[0]["why"] == f"cannot listen on 127.0.0.1:{first.port}: Address already in use"
