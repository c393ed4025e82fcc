"""The keys of one store, as far as they are needed: opened when something is read, and remembered for a short time."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.cipher import KeysNotHere
from gerai.messaging.mapping import Document
from gerai.messaging.personal import FORGOTTEN, Forgotten
from gerai.messaging.sealed_answers import opened, rows_of
from gerai.messaging.sealing import NOTHING_AT_HAND, DataKey, KeyedCipher, WrappingKeys
from gerai.messaging.selection import ALL_TENANTS, Selection
from gerai.messaging.storage import StoredAnswer

REMEMBERED_S = 30.0
"""How long a destroyed key may still open what is read, in a process that used it just before."""
REMEMBERED = 10_000
"""Keys of a process."""
FetchRows = Callable[[Collection[str]], Awaitable[Iterable[Any]]]


class Vault:
    """Of one store and process."""

    def __init__(
        self, fetch: FetchRows, keys: WrappingKeys | None, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        """`fetch`: the rows of `subject_keys` with some ids. `keys`: None where nothing is encrypted."""
        self._fetch = fetch
        self._wrapping = keys
        self._now = now
        self._remembered: OrderedDict[str, tuple[float, DataKey | Forgotten]] = OrderedDict()

    @property
    def wrapping(self) -> WrappingKeys:
        """Raises KeysNotHere."""
        if self._wrapping is None:
            raise KeysNotHere("this process has no key-encryption keys")
        return self._wrapping

    async def read(self, kind: type[Aggregate], documents: Sequence[Document]) -> list[Any]:
        """Aggregates of their documents. Raises UnreadableDocument, NewerDocument, Unopenable."""
        encrypted = kind.mapper.encrypted
        if not kind.mapper.is_personal:
            return [kind.from_document(document) for document in documents]
        rows = {row for document in documents for row in encrypted.rows_to_open(document)}
        cipher = await self.cipher(rows)
        return [kind.from_document(document, cipher) for document in documents]

    async def cipher(self, rows: Collection[str]) -> KeyedCipher:
        """What opens values under these rows. One whose row is not there is as good as forgotten: nothing opens it."""
        if not rows:
            return NOTHING_AT_HAND
        found: dict[str, DataKey | Forgotten] = {}
        unknown: list[str] = []
        for row in rows:
            if (key := self._recall(row)) is not None:
                found[row] = key
            else:
                unknown.append(row)
        if unknown:
            asked = self._now()
            found.update(dict.fromkeys(unknown, FORGOTTEN))
            for stored in await self._fetch(unknown):
                key = found[stored.id] = stored.opened(self.wrapping)
                self._remember(stored.id, key, asked)
        return KeyedCipher(found)

    def _recall(self, row: str) -> DataKey | Forgotten | None:
        remembered = self._remembered.get(row)
        if remembered is None:
            return None
        until, key = remembered
        return key if self._now() < until else None

    def _remember(self, row: str, key: DataKey | Forgotten, asked: float) -> None:
        self._remembered.pop(row, None)
        self._remembered[row] = (asked + REMEMBERED_S, key)
        while len(self._remembered) > REMEMBERED:
            self._remembered.popitem(last=False)

    async def conditions(self, selection: Selection[Any]) -> Mapping[str, Any]:
        """What is asked of documents, where equal values of encrypted fields are asked for. Raises ValueError for what
        cannot be asked of them."""
        kind: type[Aggregate] = selection.kind
        conditions, encrypted = selection.conditions, kind.mapper.encrypted
        if not encrypted.names:
            return conditions
        if not encrypted.names.isdisjoint(field for field, _ in selection.order):
            raise ValueError("an encrypted field has no order")
        encrypted.require_askable(conditions)
        if encrypted.names.isdisjoint(conditions):
            return conditions
        if selection.tenant in (None, ALL_TENANTS):
            raise ValueError("a search for an encrypted value is a regency's")
        assert selection.tenant is not None
        row = encrypted.search_row(selection.tenant)
        cipher = await self.cipher({row})
        if isinstance(cipher.keys[row], Forgotten):  # the regency has kept nothing that can be searched yet
            return {"_id": {"$in": []}}
        return encrypted.as_hashes(conditions, selection.tenant, cipher)

    async def open_answers(self, kept: Mapping[str, StoredAnswer]) -> dict[str, StoredAnswer]:
        """As they were answered; `forgotten` where a person whom one is about was."""
        named = {id: rows_of(answer) for id, answer in kept.items()}
        cipher = await self.cipher({row for rows in named.values() for row in rows})
        return {id: opened(answer, named[id], id, cipher) for id, answer in kept.items()}
