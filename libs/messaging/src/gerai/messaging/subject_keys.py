"""The key of one person: made with the first encrypted field, destroyed when the person is forgotten.

It is an aggregate like others, so that it is made in the transaction of the field that needs it (of two processes one
wins, and the other reads the winner's), and so that wrapping it anew and destroying it meet at its version.
"""

from datetime import datetime
from typing import ClassVar

from gerai.messaging.aggregate import Aggregate
from gerai.messaging.personal import FORGOTTEN, Forgotten
from gerai.messaging.refusal import LocalizedText, Refusal
from gerai.messaging.sealing import DataKey, WrappingKeys

SUBJECT_KEYS = "subject_keys"


class UnableToKeepPersonalData(Refusal):
    """Who was forgotten stays forgotten: another key would be another person's."""

    sentences: ClassVar[dict[str, LocalizedText]] = {
        "subject_forgotten": LocalizedText(
            "Data pribadi orang ini sudah dihapus atas permintaannya dan tidak dapat disimpan lagi.",
            "This person's data were deleted on request, and none can be kept any more.",
        ),
    }


class SubjectKey(Aggregate):
    """Wrapped by a key-encryption key; never in clear. Its id is that of `cipher.key_row_id`."""

    collection: ClassVar[str] = SUBJECT_KEYS

    subject: str
    """The person's opaque id; "": the regency's own key, from which the hashes of searchable fields are keyed."""
    wrapped: bytes | None = None
    """None: destroyed. The row stays, so that it is never made again."""
    wrapped_with: str | None = None
    """The id of the key-encryption key."""
    forgotten_at: datetime | None = None
    swept: bool = True
    """False: hashes of values that nobody can read any more may still stand beside them; see `key_care`."""

    @classmethod
    def made(cls, id: str, keys: WrappingKeys) -> "SubjectKey":
        tenant, _, subject = id.partition(":")
        row = cls(id=id, tenant=tenant, subject=subject)
        row.wrapped, row.wrapped_with = DataKey.new().wrapped(keys, id)
        return row

    def opened(self, keys: WrappingKeys) -> DataKey | Forgotten:
        """Raises Unopenable, UnknownWrappingKey."""
        if self.wrapped is None:
            return FORGOTTEN
        return DataKey.unwrapped(self.wrapped, keys, self.id)

    def rewrap(self, keys: WrappingKeys) -> None:
        """By the newest key-encryption key. Raises Unopenable."""
        key = self.opened(keys)
        if isinstance(key, DataKey):
            self.wrapped, self.wrapped_with = key.wrapped(keys, self.id)

    def forget(self, *, at: datetime) -> None:
        """Destroys the key; once more changes nothing."""
        if self.forgotten_at is None:
            self.wrapped = self.wrapped_with = None
            self.forgotten_at, self.swept = at, False
