import json
import os
from pathlib import Path

import httpx
import pytest

from local import first_steps, up
from local.attached import Attached, attached
from local.clock import Clock
from local.failure import UnableToStart

ADDRESSES = {"queue": "http://queue", "zipkin": "http://zipkin", "issuer": "http://issuer"}
CLOSED = {"availability": "day_closed", "local_day": "2026-11-28"}


def platform(directory: Path, profile: str = "up") -> Attached:
    (directory / profile).mkdir()
    return Attached(directory=directory / profile, addresses=ADDRESSES)


class Desk:
    """Answers as the queue does: a desk that is closed, free or busy, and one visitor after the other."""

    def __init__(self, state: str, waiting: int = 1) -> None:
        self.state, self.waiting = state, waiting
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        step = request.url.path.rpartition("/")[2]
        self.asked.append(step)
        if step == "call-next":
            return self._call()
        self.state = {"open": "free", "start": "serving", "finish": "free"}[step]
        return httpx.Response(200, json={"id": "a"})

    def _call(self) -> httpx.Response:
        if self.state != "free":
            code = "desk_closed" if self.state == "closed" else "desk_busy"
            return httpx.Response(409, json={"code": code, "title": code})
        if not self.waiting:
            return httpx.Response(
                409, json={"code": "nobody_waiting", "title": "Nobody waits for this desk."}
            )
        self.waiting -= 1
        self.state = "called"
        return httpx.Response(200, json={"number": "AA-001"})


def client(handler) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


class TestATicket:
    @staticmethod
    def refuses(request: httpx.Request) -> httpx.Response:
        return httpx.Response(409, json={"code": "day_closed", "title": "Closed on this day."})

    def test_says_how_to_open_the_doors_where_they_are_closed(self, tmp_path):
        with pytest.raises(
            UnableToStart, match=r"Closed on this day\. For open doors: make up CLOCK=morning"
        ):
            first_steps.ticket(platform(tmp_path), client(self.refuses))

    def test_is_refused_on_a_practice_morning_without_that_advice(self, tmp_path):
        with pytest.raises(UnableToStart, match=r"^Closed on this day\.$"):
            first_steps.ticket(platform(tmp_path, "morning"), client(self.refuses))

    @pytest.mark.parametrize(
        "status, code",
        [(401, "invalid_token"), (404, "not_found"), (429, "too_many_requests"), (503, "busy")],
    )
    def test_is_refused_for_another_reason_without_that_advice(self, tmp_path, status, code):
        def refuses(request: httpx.Request) -> httpx.Response:
            return httpx.Response(status, json={"code": code, "title": "This is why."})

        with pytest.raises(UnableToStart, match=r"^This is why\.$"):
            first_steps.ticket(platform(tmp_path), client(refuses))

    @pytest.mark.parametrize("step", [first_steps.ticket, first_steps.call])
    @pytest.mark.parametrize(
        "answer",
        [
            httpx.Response(200, html="<h1>It works!</h1>"),
            httpx.Response(404, text="Not here"),
            httpx.Response(200, json=["a", "list"]),
            httpx.Response(200, json={"status": "ready"}),
            httpx.Response(500, content=b"\xff{"),
        ],
    )
    def test_says_that_another_program_answers_in_the_queues_place(self, tmp_path, step, answer):
        with pytest.raises(UnableToStart, match=r"What answers at http://queue is not Gerai's queue"):
            step(platform(tmp_path), client(lambda request: answer))

    def test_needs_a_platform_that_runs(self, tmp_path):
        def away(request: httpx.Request) -> httpx.Response:
            raise httpx.ConnectError("refused")

        with pytest.raises(UnableToStart, match=r"Nothing answers at http://queue: is `make up` running\?"):
            first_steps.ticket(platform(tmp_path), client(away))


class TestACall:
    @pytest.mark.parametrize(
        ("state", "steps"),
        [
            ("free", ["call-next"]),
            ("closed", ["call-next", "open", "call-next"]),
            ("called", ["call-next", "start", "finish", "call-next"]),
        ],
    )
    def test_is_made_at_any_desk(self, tmp_path, state, steps):
        desk = Desk(state)
        first_steps.call(platform(tmp_path), client(desk))
        assert desk.asked == steps

    def test_says_that_nobody_waits(self, tmp_path):
        with pytest.raises(UnableToStart, match="Nobody waits"):
            first_steps.call(platform(tmp_path), client(Desk("free", waiting=0)))


class TestATrace:
    def test_shows_the_way_in_order_and_where_to_see_it(self, tmp_path, capsys):
        spans = [
            {"name": "process", "timestamp": 2_500, "localEndpoint": {"serviceName": "hourly"}},
            {"name": "post /v1/tickets", "timestamp": 1_000, "localEndpoint": {"serviceName": "queue"}},
        ]

        def answers(request: httpx.Request) -> httpx.Response:
            if request.url.host == "zipkin":
                return httpx.Response(200, json=spans)
            ticket = {"id": "a", "number": "AA-001"}
            return httpx.Response(201, json=ticket, headers={"traceresponse": "00-abc-def-01"})

        here = platform(tmp_path)
        first_steps.ticket(here, client(answers))
        capsys.readouterr()
        first_steps.trace(here, client(answers))
        assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
            ["The", "way", "of", "AA-001:"],
            ["0.0", "ms", "queue", "post", "/v1/tickets"],
            ["1.5", "ms", "hourly", "process"],
            ["As", "a", "picture:", "http://zipkin/zipkin/traces/abc"],
        ]

    def test_says_that_another_program_answers_in_zipkins_place(self, tmp_path):
        here = platform(tmp_path)
        (here.directory / "first-ticket.json").write_text('{"number": "AA-001", "trace": "abc"}')
        page = httpx.Response(200, html="<h1>It works!</h1>")
        with pytest.raises(UnableToStart, match="is not Zipkin"):
            first_steps.trace(here, client(lambda request: page))

    def test_needs_a_number(self, tmp_path):
        with pytest.raises(UnableToStart, match="no number to follow: make ticket"):
            first_steps.trace(platform(tmp_path), client(Desk("free")))


class TestTheWelcome:
    def test_says_what_to_type_where_the_mall_is_closed(self):
        said = up._said_of([CLOSED, CLOSED], Clock(profile="up"))
        assert said.startswith("The mall is closed now (day_closed, 2026-11-28)")
        assert said.endswith("\n  make up CLOCK=morning")

    def test_says_how_much_of_the_mall_is_open(self):
        said = up._said_of([CLOSED, {"availability": "available"}], Clock(profile="up"))
        assert said == "The mall is open now: 1 of 2 services give numbers."


def test_commands_talk_to_the_platform_that_was_started_last(tmp_path, monkeypatch):
    monkeypatch.setenv("GERAI_DATA_DIR", str(tmp_path))
    for age, profile in enumerate(("morning", "up")):
        platform(tmp_path, profile)
        state = tmp_path / profile / "platform.json"
        state.write_text(json.dumps(ADDRESSES | {"queue": f"http://{profile}"}))
        os.utime(state, (1_000_000 - age, 1_000_000 - age))
    assert attached().addresses["queue"] == "http://morning"
    assert attached().directory == tmp_path / "morning"


class TestAPracticeMorning:
    def test_begins_without_the_numbers_of_the_one_before_and_leaves_real_data_alone(
        self, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setenv("GERAI_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("MONGODB_URI", "mongodb://elsewhere")
        for profile in ("morning", "up"):
            (tmp_path / profile / "mongodb").mkdir(parents=True)
            (tmp_path / profile / "supervisor.lock").touch()
        up._begin_anew(Clock(profile="morning"))
        assert sorted(path.name for path in tmp_path.iterdir()) == ["up"]
        assert (tmp_path / "up" / "mongodb").exists()
        assert "MONGODB_URI is not used" in capsys.readouterr().out

    def test_begins_in_no_folder_that_is_somebody_elses(self, tmp_path, monkeypatch):
        monkeypatch.setenv("GERAI_DATA_DIR", str(tmp_path))
        (tmp_path / "morning" / "photos").mkdir(parents=True)
        with pytest.raises(UnableToStart, match="doesn't come from this platform"):
            up._begin_anew(Clock(profile="morning"))
        assert (tmp_path / "morning" / "photos").is_dir()
