"""What a service's components are built from: one object per process, made by `service`."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gerai.chassis.clock import BusinessClock
from gerai.chassis.health import Health, Progress
from gerai.chassis.routes import Routes
from gerai.chassis.settings import Role, Settings
from gerai.contracts.event import Event, Topic
from gerai.messaging.consumer import Subscription
from gerai.messaging.dead_letters import group_topics, owner_of_group_topic
from gerai.messaging.group_commit import GroupCommit
from gerai.messaging.jobs import JobKind
from gerai.messaging.mongo.driver import Database
from gerai.messaging.refusal import LocalizedText
from gerai.messaging.retention import Repair, Rule
from gerai.messaging.sealing import WrappingKeys
from gerai.messaging.storage import Index, Storage
from gerai.messaging.timers import TimerHandler


@dataclass(frozen=True, kw_only=True)
class ServiceContext:
    """Values that adapters and entrypoints receive; nobody else reads settings."""

    source: str
    """The service as events name it: "/gerai/queue"."""
    settings: Any
    """The service's own settings, for `bootstrap` alone."""
    clock: BusinessClock
    database: Database
    storage: Storage
    commit: GroupCommit
    health: Health
    keys: WrappingKeys | None = None
    """With which keys of people are wrapped; None where the service keeps no personal data."""


@dataclass(frozen=True, kw_only=True)
class Background:
    """Work that goes on beside requests, in the processes of the roles named. It runs until cancelled."""

    name: str
    run: Callable[[], Awaitable[None]]
    progress: Progress
    """Names what does not move, and why. Asked while `run` runs, so its time counts from the moment `run` begins. Do
    not report stuck while MongoDB or Kafka is unreachable."""
    roles: frozenset[Role] = frozenset(Role)
    ready: Callable[[], Awaitable[None]] | None = None
    """Returns when the process may serve; it may take as long as it needs."""


@dataclass(frozen=True, kw_only=True)
class Components:
    """What a service's composition root has put together."""

    routes: Sequence[Routes] = ()
    subscriptions: Sequence[Subscription] = ()
    timers: Mapping[str, TimerHandler] = field(default_factory=dict)
    jobs: Sequence[JobKind] = ()
    background: Sequence[Background] = ()
    repairs: Sequence[Repair] = ()
    """What brings an older version's data up to date, in steps, beside the running service."""


class ForeignTopic(Exception):
    """A service declares a topic, or a group with topics, of another one: nobody would believe what it says there. It
    does not start."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, declared. `gerai.chassis.run(service)` lives it."""

    name: str
    title: str
    assemble: Callable[[ServiceContext], Components]
    settings: type[Settings] = Settings
    topics: Sequence[Topic] = ()
    """The topics that it owns."""
    indexes: Sequence[Index] = ()
    retention: Sequence[Rule] = ()
    """What it does not keep for good, beside the library's own rows; the days are settings. See docs/data-map.md."""
    rules: Mapping[str, LocalizedText] = field(default_factory=dict)
    """What the types of its bodies refuse by: the codes that they raise, with a sentence for each."""

    def __post_init__(self) -> None:
        self._require_own(self.topics)

    def topics_written(self, components: Components) -> list[Topic]:
        """Its own, and those of its groups: all that its relay may write. Raises ForeignTopic."""
        of_groups = [topic for one in components.subscriptions for topic in group_topics(one.group)]
        self._require_own(of_groups)
        return [*self.topics, *of_groups]

    def is_foreign(self, topic: str) -> bool:
        """Whether its declared owner is another service. False also where nobody here knows the topic: a newer or an
        older version of this service may declare it."""
        declared = {one.topic.name: one.topic.owner for one in Event.every()}
        return declared.get(topic, owner_of_group_topic(topic)) not in (None, self.name)

    def _require_own(self, topics: Iterable[Topic]) -> None:
        foreign = [topic.name for topic in topics if topic.owner != self.name]
        if foreign:
            raise ForeignTopic(f"{self.name} does not own {', '.join(foreign)}")
