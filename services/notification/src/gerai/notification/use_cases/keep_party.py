"""A party comes to be, says what it wants, and is forgotten."""

from collections.abc import Sequence
from datetime import datetime

import uuid_utils.compat as uuids

from gerai.contracts.notification import Category, Channel
from gerai.messaging.command import command
from gerai.messaging.group_commit import Needs
from gerai.messaging.unit_of_work import UnitOfWork
from gerai.notification.domain.languages import Language
from gerai.notification.domain.party import Party
from gerai.notification.use_cases.views import PartyView


def what_a_party_needs(party_id: str) -> Needs:
    return Needs(aggregates=((Party, party_id),))


async def add_party(uow: UnitOfWork, at: datetime, language: Language) -> PartyView:
    """The id that it gets is opaque, and is all that others know of it."""
    assert uow.context.tenant is not None
    party = Party(id=str(uuids.uuid7()), tenant=uow.context.tenant, language=language)
    uow.add(party)
    return PartyView.of(party)


@command(needs=what_a_party_needs)
async def prefer(
    uow: UnitOfWork, at: datetime, party_id: str, *, order: Sequence[Channel], language: Language
) -> PartyView:
    party = await uow.get(Party, party_id)
    party.prefer(order, language=language)
    return PartyView.of(party)


@command(needs=what_a_party_needs)
async def opt_out(
    uow: UnitOfWork, at: datetime, party_id: str, *, category: Category | None, channel: Channel | None
) -> PartyView:
    party = await uow.get(Party, party_id)
    party.opt_out(category=category, channel=channel, at=at)
    return PartyView.of(party)


@command(needs=what_a_party_needs)
async def opt_in(
    uow: UnitOfWork, at: datetime, party_id: str, *, category: Category | None, channel: Channel | None
) -> PartyView:
    party = await uow.get(Party, party_id)
    party.opt_in(category=category, channel=channel, at=at)
    return PartyView.of(party)


@command(needs=what_a_party_needs)
async def forget_party(uow: UnitOfWork, at: datetime, party_id: str) -> PartyView:
    party = await uow.get(Party, party_id)
    party.forget(at=at)
    return PartyView.of(party)
