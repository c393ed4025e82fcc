"""The cryptography behind encrypted fields: AES-256-GCM by `cryptography`, and nothing of our own.

A subject's data key seals fields. The data key is itself sealed ("wrapped") by a key-encryption key, whose id stands
beside it. Form of both: version (1 byte), length of the key's id (1), the key's id, nonce (12), data and tag. Where
something belongs is authenticated with it, so that what is moved elsewhere does not open.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import bson
from bson.codec_options import CodecOptions
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gerai.messaging.cipher import KeysNotHere, Place, Unopenable, key_row_id
from gerai.messaging.personal import FORGOTTEN, Forgotten

VERSION = 1
KEY_BYTES = 32
NONCE_BYTES = 12
KEY_ID_BYTES = 8
_AWARE: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True)


class UnknownWrappingKey(Unopenable):
    """The key-encryption key is not among the mounted ones."""


class WrappingKey(NamedTuple):
    """A key-encryption key."""

    id: str
    key: bytes


class WrappingKeys(Protocol):
    """The mounted key-encryption keys."""

    def newest(self) -> WrappingKey:
        """The one that wraps."""
        ...

    def get(self, id: str) -> WrappingKey:
        """Any that unwraps. Raises UnknownWrappingKey."""
        ...


class Sealed(NamedTuple):
    key_id: bytes
    nonce: bytes
    data: bytes

    @classmethod
    def parse(cls, whole: bytes) -> "Sealed":
        """Raises Unopenable."""
        if len(whole) < 2 or whole[0] != VERSION or len(whole) < 2 + whole[1] + NONCE_BYTES:
            raise Unopenable("not a sealed value of this version")
        begin = 2 + whole[1]
        return cls(whole[2:begin], whole[begin : begin + NONCE_BYTES], whole[begin + NONCE_BYTES :])


def seal(key_id: bytes, cipher: AESGCM, clear: bytes, place: Sequence[str]) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return bytes((VERSION, len(key_id))) + key_id + nonce + cipher.encrypt(nonce, clear, _bound(place))


def unseal(sealed: Sealed, cipher: AESGCM, place: Sequence[str]) -> bytes:
    """Raises Unopenable."""
    try:
        return cipher.decrypt(sealed.nonce, sealed.data, _bound(place))
    except InvalidTag:
        raise Unopenable(f"what stands in {' '.join(place[1:3])} was changed, or sealed elsewhere") from None


def _bound(place: Sequence[str]) -> bytes:
    """Unambiguous, whatever the parts hold."""
    return json.dumps(list(place)).encode()


@dataclass(frozen=True)
class DataKey:
    """A subject's own key, as it is used."""

    id: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"DataKey({self.id.hex()})"

    @classmethod
    def new(cls) -> "DataKey":
        return cls(os.urandom(KEY_ID_BYTES), os.urandom(KEY_BYTES))

    def wrapped(self, keys: WrappingKeys, owner: str) -> tuple[bytes, str]:
        """Sealed by the newest key-encryption key, and that key's id. `owner`: the row in which it will stand."""
        by = keys.newest()
        return seal(by.id.encode(), AESGCM(by.key), self.id + self.secret, ("key", owner)), by.id

    @classmethod
    def unwrapped(cls, wrapped: bytes, keys: WrappingKeys, owner: str) -> "DataKey":
        """Raises Unopenable, UnknownWrappingKey."""
        sealed = Sealed.parse(wrapped)
        by = keys.get(sealed.key_id.decode())
        clear = unseal(sealed, AESGCM(by.key), ("key", owner))
        return cls(clear[:KEY_ID_BYTES], clear[KEY_ID_BYTES:])

    def seal(self, clear: bytes, place: Sequence[str]) -> bytes:
        return seal(self.id, AESGCM(self.secret), clear, place)

    def open(self, whole: bytes, place: Sequence[str]) -> bytes:
        """Raises Unopenable."""
        sealed = Sealed.parse(whole)
        if sealed.key_id != self.id:
            raise Unopenable(f"what stands in {' '.join(place[1:3])} was sealed with another key")
        return unseal(sealed, AESGCM(self.secret), place)

    def hash(self, text: str, tenant: str, purpose: str) -> str:
        """HMAC-SHA-256 under a key of its own for each purpose."""
        info = f"gerai: equality of {purpose}".encode()
        key = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self.secret)
        return hmac.new(key, _bound((tenant, text)), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class KeyedCipher:
    """Implements `Cipher` with keys by row."""

    keys: Mapping[str, DataKey | Forgotten]

    def _key(self, tenant: str, subject: str) -> DataKey | Forgotten:
        key = self.keys.get(key_row_id(tenant, subject))
        if key is None:
            raise KeysNotHere(f"no key is at hand for a subject of {tenant}")
        return key

    def seal(self, subject: str, place: Place, value: object) -> bytes:
        key = self._key(place.tenant, subject)
        if isinstance(key, Forgotten):
            raise KeysNotHere("nothing is sealed for who was forgotten")
        return key.seal(bson.encode({"v": value}), (*place, subject))

    def open(self, subject: str, place: Place, sealed: bytes) -> Any:
        key = self._key(place.tenant, subject)
        if isinstance(key, Forgotten):
            return FORGOTTEN
        return bson.decode(key.open(sealed, (*place, subject)), _AWARE)["v"]

    def hash(self, text: str, tenant: str, purpose: str) -> str:
        key = self._key(tenant, "")
        assert isinstance(key, DataKey)
        return key.hash(text, tenant, purpose)


NOTHING_AT_HAND = KeyedCipher({})
