"""The processes of the drills use the MongoDB driver that the run was asked for."""

from gerai.messaging.mongo.driver import Driver
from tests.integration.ground import Ground

APPLICATIONS = {"gerai-registry", "gerai-queue", "gerai-hourly"}


async def test_every_service_uses_the_driver_asked_for(ground: Ground, driver: Driver) -> None:
    """MongoDB knows: a client introduces itself."""
    assert ground.mongo is not None
    everybody = [{"$currentOp": {"allUsers": True, "idleConnections": True, "localOps": True}}]
    found: dict[str, set[Driver]] = {}
    async for operation in await ground.mongo.admin.aggregate(everybody):
        application = operation.get("appName")
        if application in APPLICATIONS:
            motor = "Motor" in operation["clientMetadata"]["driver"]["name"]
            found.setdefault(application, set()).add(Driver.MOTOR if motor else Driver.PYMONGO)
    assert found == {application: {driver} for application in APPLICATIONS}
