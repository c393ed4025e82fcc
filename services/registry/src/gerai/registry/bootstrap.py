"""The composition root: the one place where the registry is built and joined."""

from datetime import datetime

from gerai.chassis.service_context import Components, Service, ServiceContext
from gerai.contracts import registry as language
from gerai.messaging.storage import TimerRow
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.registry.adapters.indexes import INDEXES
from gerai.registry.entrypoints import http, imports
from gerai.registry.entrypoints.sentences import SENTENCES
from gerai.registry.settings import RegistrySettings
from gerai.registry.use_cases.take_rows import AGREEMENT_TIMER
from gerai.registry.use_cases.when_agreement_nears_end_warn import when_agreement_nears_end_warn


def assemble(service_context: ServiceContext) -> Components:
    settings: RegistrySettings = service_context.settings
    rule = settings.warning_rule

    async def warn(timer: TimerRow, *, uow: UnitOfWork, at: datetime) -> None:
        await when_agreement_nears_end_warn(timer, uow=uow, at=at, rule=rule)

    return Components(
        routes=[*http.routes(service_context, rule), imports.routes(rule)],
        timers={AGREEMENT_TIMER: warn},
    )


service = Service(
    name="registry",
    title="Gerai: registry",
    assemble=assemble,
    settings=RegistrySettings,
    topics=(
        language.SITES,
        language.INSTITUTIONS,
        language.COUNTERS,
        language.DESKS,
        language.SERVICES,
        language.CALENDARS,
        language.AGREEMENTS,
    ),
    indexes=INDEXES,
    rules=SENTENCES,
)
