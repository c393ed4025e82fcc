"""The end of the day releases everybody who still waits, also those who were sent back into a line after it."""

from queue_builders import MORNING, Hall, catalogue, minutes

from gerai.contracts.queue import TicketState
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.memory.relaying import MemoryDueTimers, MemoryLease, MemoryLeases
from gerai.messaging.memory.storage import MemoryStorage
from gerai.messaging.timers import Timers
from gerai.queue.use_cases.start_serving import start_serving
from gerai.queue.use_cases.transfer_ticket import transfer_ticket
from gerai.queue.use_cases.when_day_ended_expire_tickets import when_day_ended_expire_tickets

EVENING = MORNING + minutes(7 * 60 + 30)
MIDNIGHT = MORNING + minutes(15 * 60)


async def test_who_is_sent_on_after_the_end_is_released_at_midnight() -> None:
    storage, known = MemoryStorage(), catalogue()

    async def end_day(timer, *, uow, at) -> None:
        await when_day_ended_expire_tickets(timer, uow=uow, at=at, catalogue=known)

    async def fires(commit: GroupCommit, at) -> None:
        lease = MemoryLease(MemoryLeases(), "timers", "a")
        due = MemoryDueTimers(storage)
        await Timers(due, {"end-of-day": end_day}, commit=commit, lease=lease, now=lambda: at).turn()

    async with GroupCommit(storage, source="/gerai/queue") as commit:
        hall = Hall(storage, commit, known)
        late, waiting = await hall.issues("nib"), await hall.issues("nib")
        await hall.opens("loket-1")
        await hall.calls("loket-1", at=EVENING - minutes(20))
        await hall.takes(start_serving, "loket-1", at=EVENING - minutes(19))
        await fires(commit, EVENING + minutes(1))
        assert (await hall.sees(waiting.id)).state is TicketState.EXPIRED
        assert (await hall.sees(late.id)).state is TicketState.SERVING
        sent_on = {"service_id": "izin", "reason": None}
        await hall.takes(transfer_ticket, "loket-1", at=EVENING + minutes(5), **sent_on)
        assert (await hall.sees(late.id)).state is TicketState.WAITING
        await fires(commit, MIDNIGHT)
        assert (await hall.sees(late.id)).state is TicketState.EXPIRED
    assert storage.timers == {}
