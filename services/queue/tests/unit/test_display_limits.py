"""One token asks for a thousand streams: it gets its own limit, and another regency's panel hears its calls."""

from contextlib import AsyncExitStack

from queue_display import listening
from queue_front_door import Client, Door, front_door

from gerai.contracts.registry import SiteChanged
from gerai.messaging.memory.storage import MemoryStorage
from gerai.register.testing import SMALL, tell

OTHER = SiteChanged(
    tenant="buton", id="mpp-buton", name="MPP Buton", zone="Asia/Makassar", address="", active=True
)
ASKED = 1_000
GIVEN = 200


async def status_of_one_more(door: Door) -> int:
    async with listening(door) as display:
        return display.status


async def test_a_flood_of_streams_stays_within_its_limit_and_harms_nobody_else():
    async with front_door(tell(MemoryStorage(), *SMALL, OTHER)) as door, AsyncExitStack() as hall:
        await door.background("register").__self__.refresh()
        flood = [await hall.enter_async_context(listening(door)) for _ in range(GIVEN)]
        refused = [await status_of_one_more(door) for _ in range(ASKED - GIVEN)]
        assert {display.status for display in flood} == {200}
        assert set(refused) == {429}
        async with listening(door, tenant="buton", site="mpp-buton") as other:
            assert (other.status, other.heard[0][1]) == (200, "snapshot")
        assert (await Client(door, "kiosk").gets("/v1/sites/mpp/availability")).status_code == 200
        flood[0].gone.set()
        await flood[0].until(lambda display: display.ended)
        assert await status_of_one_more(door) == 200, "a panel that left makes room for another"
