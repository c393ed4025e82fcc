"""The hall at work, on the real adapter."""

import uuid
from typing import Any

import pytest
from hall_machine import HallMachine, body_of
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from gerai.messaging.mongo.driver import Database, Driver, connect
from gerai.messaging.mongo.storage import MongoStorage
from gerai.queue.adapters.indexes import INDEXES
from gerai.queue.domain.ticket import Ticket

COLLECTIONS = ("tickets", "lines", "desk_sessions", "service_days", "outbox", "timers")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("driver", list(Driver), ids=lambda driver: driver.value)
def test_the_hall_on_mongodb(mongodb_uri: str, driver: Driver):
    name = f"queue_machine_{uuid.uuid4().hex[:8]}"

    class OnMongoDB(HallMachine):
        database: Database

        async def storage(self) -> MongoStorage:
            self.database = connect(mongodb_uri, name, driver=driver)
            storage = MongoStorage(self.database)
            await storage.prepare(INDEXES)
            for collection in COLLECTIONS:
                await self.database[collection].delete_many({})
            return storage

        async def rows(self) -> list[tuple[str, int, str, dict[str, Any]]]:
            found = (
                await self.database["outbox"]
                .find({"aggregate": {"$exists": True}})
                .sort("position", 1)
                .to_list(None)
            )
            return [(row["aggregate"], row["version"], row["type"], body_of(row["body"])) for row in found]

        async def tickets(self) -> list[Ticket]:
            found = await self.database["tickets"].find({}).to_list(None)
            return [Ticket.from_document(one) for one in found]

        async def leave(self) -> None:
            await self.database.drop()
            await self.database.close()

    run_state_machine_as_test(
        OnMongoDB,
        settings=settings(
            max_examples=4, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
