"""What is printed when the day is over."""

from rich import box
from rich.console import Console
from rich.table import Table

from demo.figures import CounterFigures, Outcome, minutes
from demo.scoreboard import percentile
from gerai.contracts.queue import TicketState

COLUMNS = (
    "issued",
    "served",
    "sent\non",
    "no-\nshow",
    "gave\nup",
    "expired",
    "mean\nwait",
    "p90\nwait",
    "used",
)
EVENT_WORDS = {
    "ticket-called": "called",
    "ticket-recalled": "recalled",
    "ticket-returned": "returned",
    "ticket-held": "held",
    "ticket-resumed": "resumed",
    "ticket-transferred": "transferred",
    "ticket-missed": "missed",
    "ticket-reinstated": "reinstated",
    "ticket-near-front": "told that their turn is near",
}


def print_outcome(outcome: Outcome, console: Console) -> None:
    console.print(_counters(outcome))
    console.print(_steps(outcome), highlight=False)
    console.print(_events(outcome))
    trace = outcome.trace
    if trace is not None:
        services = " and ".join(trace.services)
        console.print(
            f"Ticket {trace.number} as one trace ({trace.legs} counters, {trace.spans} spans of {services}):"
            if trace.legs > 1
            else f"Ticket {trace.number} as one trace ({trace.spans} spans of {services}):",
            highlight=False,
        )
        console.print(f"  {trace.address}", style="bold cyan", soft_wrap=True)
    for complaint in outcome.complaints():
        console.print(f"✗ {complaint}", style="bold red")
    if not outcome.complaints():
        console.print(
            f"✓ Nothing is missing: {outcome.visitors} visitors, {outcome.seconds:.0f} s, seed {outcome.seed}.",
            style="bold green",
            highlight=False,
        )


def _counters(outcome: Outcome) -> Table:
    table = Table(
        title=f"{outcome.day:%A, %d %B %Y}",
        caption="Waits in minutes of the day's clock; used: share of the open desks' time with a visitor.",
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        header_style="bold",
        title_style="bold",
    )
    table.add_column("gerai", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for row in outcome.counters:
        table.add_row(row.name, *_cells(row))
    board = outcome.board
    table.add_section()
    waits = board.waits
    table.add_row(
        "all",
        str(board.issued),
        str(board.total(TicketState.SERVED)),
        str(sum(row.passed_on for row in outcome.counters)),
        str(board.total(TicketState.NO_SHOW)),
        str(board.total(TicketState.CANCELLED)),
        str(board.total(TicketState.EXPIRED)),
        _minutes(minutes(sum(waits) / len(waits)) if waits else None),
        _minutes(minutes(percentile(waits, 0.9))),
        "",
        style="bold",
    )
    return table


def _cells(row: CounterFigures) -> list[str]:
    counts = (row.issued, row.served, row.passed_on, row.no_show, row.cancelled, row.expired)
    cells = [str(count) if count else "·" for count in counts]
    return [*cells, _minutes(row.mean_wait), _minutes(row.p90_wait), f"{row.utilisation:.0%}"]


def _minutes(value: float | None) -> str:
    return "·" if value is None else f"{value:.1f}"


def _steps(outcome: Outcome) -> str:
    steps = [f"{outcome.board.steps[type]} {word}" for type, word in EVENT_WORDS.items()]
    refused = [f"{count} × {code}" for code, count in sorted(outcome.refusals.items())]
    return f"On the way: {', '.join(steps)}.\nRefused at the kiosk: {', '.join(refused) or 'nobody'}."


def _events(outcome: Outcome) -> Table:
    sums = outcome.reckoning
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    for column in ("events", "should be", "are", "missing"):
        table.add_column(column, justify="left" if column == "events" else "right")
    committed = len(sums.all_committed)
    for name, ids in sums.committed.items():
        table.add_row(f"committed by {name}", "", str(len(ids)), "")
    table.add_row("published on Kafka", str(committed), str(len(sums.published)), str(len(sums.unpublished)))
    for one in sums.readings:
        missing = str(len(one.missing))
        table.add_row(f"consumed by {one.group}", str(len(one.expected)), str(len(one.taken)), missing)
    return table
