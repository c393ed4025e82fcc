"""The exit code hangs on the complaints, so each thing that can be wrong must be one."""

import dataclasses
import io
import json
from datetime import date

import pytest
from demo.__main__ import conclude, require_writable
from demo.failure import UnableToPlay
from demo.figures import Outcome, counter_figures
from demo.listener import Published
from demo.mall import read_mall
from demo.reckoning import Reading, Reckoning
from demo.report import print_outcome
from demo.scoreboard import Scoreboard
from demo.tests.telling import Teller
from demo.trace import Trace
from rich.console import Console

from gerai.contracts import queue
from gerai.contracts.queue import TicketState as State
from local.seed import FILE

MALL = read_mall(FILE)
TRACE = Trace(id="abc", address="http://z", number="A-1", legs=2, spans=9, services=("a", "b"), lacks=())
FULL = frozenset({"x"})
SUMS = Reckoning(
    committed={"queue": FULL},
    published=FULL,
    readings=(Reading(group="hourly.count", expected=FULL, taken=FULL),),
)


def outcome(**changes: object) -> Outcome:
    board, say = Scoreboard(MALL.counters), Teller()
    board.take(say.tell(queue.TicketIssued, State.WAITING))
    board.take(say.tell(queue.TicketCancelled, State.CANCELLED))
    good = Outcome(
        seed=1,
        day=date(2026, 12, 1),
        visitors=2,
        seconds=90.0,
        speed=360.0,
        counters=counter_figures(MALL, board, []),
        board=board,
        refusals={"break": 1},
        late_cancels=0,
        published=Published(),
        reckoning=SUMS,
        trace=TRACE,
    )
    return dataclasses.replace(good, **changes)


def test_a_good_day_has_no_complaints_and_is_written_as_json():
    written = json.loads(json.dumps(outcome().as_json()))
    assert outcome().complaints() == []
    assert written["ok"] and written["events"]["missing"] == 0 and len(written["counters"]) == 29


def test_each_missing_thing_is_a_complaint():
    unread = Reading(group="hourly.count", expected=FULL, taken=frozenset())
    wrong = {
        "never reached Kafka": {"reckoning": dataclasses.replace(SUMS, published=frozenset())},
        "has not taken 1 events": {"reckoning": dataclasses.replace(SUMS, readings=(unread,))},
        "came out of order": {"published": Published(out_of_order={"t"})},
        "don't add up": {"visitors": 3},
        "no trace": {"trace": None},
        "lacks: queue's commit": {"trace": dataclasses.replace(TRACE, lacks=("queue's commit",))},
    }
    for words, change in wrong.items():
        (complaint,) = outcome(**change).complaints()
        assert words in complaint


def test_a_ticket_that_nobody_ended_is_a_complaint():
    board = Scoreboard(MALL.counters)
    board.take(Teller().tell(queue.TicketIssued, State.WAITING))
    assert outcome(board=board).complaints() == ["1 tickets were not ended by the end of the day."]


def test_the_report_fits_a_terminal_of_eighty_columns():
    console = Console(file=io.StringIO(), width=80)
    print_outcome(outcome(), console)
    text = console.file.getvalue()
    assert "…" not in text and "BPJS Ketenagakerjaan" in text and "Nothing is missing" in text
    assert "http://z" in text


async def test_a_bad_day_is_written_all_the_same_and_its_exit_code_says_so(tmp_path):
    lost = dataclasses.replace(SUMS, published=frozenset())
    console = Console(file=io.StringIO(), width=80)
    for changes, code in (({}, 0), ({"reckoning": lost}, 1)):
        path = tmp_path / f"{code}.json"
        assert await conclude(outcome(**changes), console, path) == code
        assert json.loads(path.read_text())["ok"] is (code == 0)
    assert json.loads(path.read_text())["events"]["missing"] == 1
    assert await conclude(outcome(reckoning=lost), console, None) == 1


class TestWhereTheFiguresGo:
    """Looked at before the day is played, not after it."""

    def test_a_path_that_can_be_written_is_left_as_it_was(self, tmp_path):
        require_writable(None)
        require_writable(tmp_path / "new.json")
        assert not list(tmp_path.iterdir())
        (tmp_path / "old.json").write_text("{}")
        require_writable(tmp_path / "old.json")
        assert (tmp_path / "old.json").read_text() == "{}"

    def test_a_folder_and_what_lies_in_no_folder_are_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        for path in (tmp_path, tmp_path / "nowhere" / "day.json", tmp_path / "file" / "day.json"):
            with pytest.raises(UnableToPlay, match=r"can't be written \(.+\): choose another path"):
                require_writable(path)
