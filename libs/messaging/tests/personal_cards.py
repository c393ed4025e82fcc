"""A small domain with personal data: cards of people."""

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.personal import EncryptedFor, Personal


class Address(BaseModel):
    model_config = ConfigDict(frozen=True)

    street: str
    number: int | None = None


class Card(Aggregate):
    collection: ClassVar[str] = "cards"

    party_id: str
    number: Annotated[Personal[str] | None, EncryptedFor("party_id", searchable=True)] = None
    name: Annotated[Personal[str], EncryptedFor("party_id")]
    address: Annotated[Personal[Address] | None, EncryptedFor("party_id")] = None
    note: str = ""


class CardShown(Aggregate):
    """For looking at."""

    collection: ClassVar[str] = "cards"
    part_of = Card

    party_id: str
    name: Annotated[Personal[str], EncryptedFor("party_id")]


def card(id: str = "c1", *, party_id: str = "p1", name: str = "Wa Ode", **more: Any) -> Card:
    return Card(id=id, tenant=more.pop("tenant", "muna-barat"), party_id=party_id, name=name, **more)
