"""People who may be told things, as others know them: an opaque id."""

from starlette.responses import Response

from gerai.chassis import CommandsOf, Cursor, Page, PageSize, QueriesOf, Routes
from gerai.chassis.links import ResponseLink, answered
from gerai.chassis.pages import USUAL, cursor_after, id_before
from gerai.messaging.refusal import UnableToFind
from gerai.notification.domain.party import Party, UnableToChangeParty
from gerai.notification.entrypoints.bodies import PartyBody, PartyId, PreferenceBody, RefusalBody
from gerai.notification.entrypoints.permissions import FORGET, KEEP_PARTIES
from gerai.notification.use_cases.keep_party import add_party, forget_party, opt_in, opt_out, prefer
from gerai.notification.use_cases.read_inbox import inbox_of, mark_read
from gerai.notification.use_cases.views import InboxItemView, PartyView

BY_ID = {"party_id": answered("id")}
CHANGES = (UnableToFind, UnableToChangeParty)


def routes() -> Routes:
    """Under /v1/parties."""
    parties = Routes(tag="parties", prefix="/v1/parties")
    _add_keeping(parties)
    _add_refusing(parties)
    _add_inbox(parties)
    return parties


def _add_keeping(parties: Routes) -> None:
    @parties.post(
        "",
        permission=KEEP_PARTIES,
        summary="Give somebody an opaque id under which they can be told things",
        operation_id="addParty",
        status_code=201,
        response_model=PartyView,
        links={"showParty": ResponseLink(to="showParty", given=BY_ID)},
    )
    async def add(body: PartyBody, commands: CommandsOf) -> Response:
        return await commands.run(add_party, body.language)

    @parties.get(
        "/{party_id}",
        permission=KEEP_PARTIES,
        summary="Show how somebody can be told things, and what they refuse",
        operation_id="showParty",
        refuses=(UnableToFind,),
    )
    async def look(party_id: PartyId, queries: QueriesOf) -> PartyView:
        return PartyView.of(await queries.uow.get(Party, party_id))

    @parties.post(
        "/{party_id}/preferences",
        permission=KEEP_PARTIES,
        summary="Set somebody's language and preferred ways",
        operation_id="setPreferences",
        response_model=PartyView,
        refuses=CHANGES,
    )
    async def prefers(party_id: PartyId, body: PreferenceBody, commands: CommandsOf) -> Response:
        return await commands.run(prefer, party_id, order=body.order, language=body.language)

    @parties.post(
        "/{party_id}/forget",
        permission=FORGET,
        summary="Destroy what is known of somebody",
        operation_id="forgetParty",
        response_model=PartyView,
        refuses=(UnableToFind,),
    )
    async def forget(party_id: PartyId, commands: CommandsOf) -> Response:
        return await commands.run(forget_party, party_id)


def _add_refusing(parties: Routes) -> None:
    @parties.post(
        "/{party_id}/opt-out",
        permission=KEEP_PARTIES,
        summary="Note that somebody refuses messages",
        operation_id="optOut",
        response_model=PartyView,
        refuses=CHANGES,
    )
    async def refuse(party_id: PartyId, body: RefusalBody, commands: CommandsOf) -> Response:
        return await commands.run(opt_out, party_id, category=body.category, channel=body.channel)

    @parties.post(
        "/{party_id}/opt-in",
        permission=KEEP_PARTIES,
        summary="Take a refusal back",
        operation_id="optIn",
        response_model=PartyView,
        refuses=CHANGES,
    )
    async def accept(party_id: PartyId, body: RefusalBody, commands: CommandsOf) -> Response:
        return await commands.run(opt_in, party_id, category=body.category, channel=body.channel)


def _add_inbox(parties: Routes) -> None:
    @parties.get(
        "/{party_id}/inbox",
        permission=KEEP_PARTIES,
        summary="List what stands in somebody's inbox",
        operation_id="listInbox",
    )
    async def inbox(
        party_id: PartyId, queries: QueriesOf, limit: PageSize = USUAL, cursor: Cursor = None
    ) -> Page[InboxItemView]:
        found = await queries.uow.select(inbox_of(party_id, after=id_before(cursor), limit=limit + 1))
        items = tuple(InboxItemView.of(item) for item in found[:limit])
        return Page(items=items, next=cursor_after(items[-1].id) if len(found) > limit else None)

    @parties.post(
        "/{party_id}/inbox/{item_id}/read",
        permission=KEEP_PARTIES,
        summary="Note that an inbox message was read",
        operation_id="markRead",
        response_model=InboxItemView,
        refuses=(UnableToFind,),
    )
    async def read(party_id: PartyId, item_id: PartyId, commands: CommandsOf) -> Response:
        return await commands.run(mark_read, item_id, party_id=party_id)
