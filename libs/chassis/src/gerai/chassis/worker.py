"""The worker's side of a process: the relay, one subscriber for each subscription, the timers."""

from collections.abc import Sequence

import structlog

from gerai.chassis.service_context import Background, Components, Service, ServiceContext
from gerai.chassis.settings import Role, Settings
from gerai.messaging.aggregate import every_kind
from gerai.messaging.consumer import Consumer
from gerai.messaging.jobs import Jobs
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.publisher import KafkaPublisher
from gerai.messaging.kafka.subscriber import Subscriber
from gerai.messaging.key_care import KeyCare, hashes_of
from gerai.messaging.mongo.driver import Database
from gerai.messaging.mongo.jobs import MongoJobQueue
from gerai.messaging.mongo.key_rows import MongoKeyRows
from gerai.messaging.mongo.lease import MongoLease
from gerai.messaging.mongo.outbox import MongoOutbox
from gerai.messaging.mongo.parked import MongoParkedRecords
from gerai.messaging.mongo.retention import MongoPastDocuments
from gerai.messaging.mongo.timers import MongoDueTimers
from gerai.messaging.outbox import Publisher
from gerai.messaging.parking import Parking
from gerai.messaging.relay import Relay
from gerai.messaging.retention import Retention, own_rules
from gerai.messaging.timers import Timers

log = structlog.get_logger(__name__)

WORKER = frozenset({Role.WORKER})


class TopicsNotReady(Exception):
    """No broker has answered yet."""


class Worker:
    """Empty in a process without the worker role."""

    def __init__(self, service: Service, settings: Settings, database: Database) -> None:
        self._service = service
        self._settings = settings
        self._database = database
        self._relay: Relay | None = None
        self._jobs: Jobs | None = None
        self._topics_ready = False
        self._written: frozenset[str] = frozenset()
        """The only topics that the relay may write."""
        if Role.WORKER in settings.roles:
            self._relay = Relay(MongoOutbox(database), self._connect, MongoLease(database, "relay"))

    async def _connect(self) -> Publisher:
        return await KafkaPublisher.connect(
            self._settings.kafka,
            client_id=f"{self._service.name}-relay",
            topics=self._written,
            is_foreign=self._service.is_foreign,
        )

    async def prepare_topics(self, components: Components, *, create: bool) -> None:
        """The topics that the service owns, those of its groups among them. Those it reads are their owners'.
        Waits for a broker as long as it takes: nothing is lost meanwhile, events wait in the outbox."""
        wanted = self._service.topics_written(components)
        self._written = frozenset(topic.name for topic in wanted)
        while True:
            try:
                await topics.ensure(self._settings.kafka, wanted, create=create)
                self._topics_ready = True
                return
            except TimeoutError:
                log.warning("kafka-not-ready")

    async def topics_ready(self) -> None:
        """Raises TopicsNotReady while events wait for their topics."""
        if not self._topics_ready:
            raise TopicsNotReady

    def wake(self) -> None:
        """Something was committed in this process."""
        if self._relay is not None:
            self._relay.wake()
        if self._jobs is not None:
            self._jobs.wake()

    def timers(self, service_context: ServiceContext, components: Components) -> Sequence[Background]:
        """What is due fires whether Kafka is there or not: its events wait in the outbox."""
        if self._relay is None or not components.timers:
            return ()
        timers = Timers(
            MongoDueTimers(self._database),
            components.timers,
            commit=service_context.commit,
            lease=MongoLease(self._database, "timers"),
            now=service_context.clock.now,
        )
        return (Background(name="timers", run=timers.run, progress=timers.progress, roles=WORKER),)

    def jobs(self, service_context: ServiceContext, components: Components) -> Sequence[Background]:
        """What the outside is asked for needs no Kafka. Without kinds it still says which jobs nobody handles."""
        if self._relay is None:
            return ()
        queue = MongoJobQueue(self._database)
        self._jobs = Jobs(
            queue, components.jobs, commit=service_context.commit, now=service_context.clock.now
        )
        return (Background(name="jobs", run=self._jobs.run, progress=self._jobs.progress, roles=WORKER),)

    def retention(self, service_context: ServiceContext, components: Components) -> Sequence[Background]:
        """Deletes what is past its time, the service's and the library's own."""
        if self._relay is None:
            return ()
        rules = [*own_rules(components.subscriptions, components.timers), *self._service.retention]
        retention = Retention(
            MongoPastDocuments(self._database),
            rules,
            days={rule.setting: getattr(self._settings, rule.setting) for rule in rules},
            repairs=components.repairs,
            lease=MongoLease(self._database, "retention"),
            now=service_context.clock.now,
        )
        return (Background(name="retention", run=retention.run, progress=retention.progress, roles=WORKER),)

    def key_care(self, service_context: ServiceContext) -> Sequence[Background]:
        """Wraps keys of people anew, and sweeps after those who were forgotten; where there are any."""
        if self._relay is None or service_context.keys is None:
            return ()
        care = KeyCare(
            MongoKeyRows(self._database),
            service_context.keys,
            hashes_of(every_kind()),
            commit=service_context.commit,
            lease=MongoLease(self._database, "keys"),
        )
        return (Background(name="key-care", run=care.run, progress=care.progress, roles=WORKER),)

    def to_kafka(self, service_context: ServiceContext, components: Components) -> Sequence[Background]:
        """The relay and the subscribers, once their topics are there."""
        if self._relay is None:
            return ()
        relay = self._relay
        parts = [Background(name="relay", run=relay.run, progress=relay.progress, roles=WORKER)]
        for subscription in components.subscriptions:
            parking = Parking(subscription.group, MongoParkedRecords(self._database))
            consumer = Consumer(
                subscription, commit=service_context.commit, parking=parking, now=service_context.clock.now
            )
            subscriber = Subscriber(consumer, kafka=self._settings.kafka, client_id=subscription.group)
            name = f"subscriber {subscription.group}"
            parts.append(
                Background(name=name, run=subscriber.run, progress=subscriber.progress, roles=WORKER)
            )
        return parts
