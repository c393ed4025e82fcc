"""What is kept of a request that may be repeated, and of its answer: only who sends the same request can read it.

An answer may hold a visitor's link. It is kept encrypted, with a key made from who asks and their Idempotency-Key; of
those a hash alone is kept, from which that key does not follow.
"""

import hashlib
import hmac
import os
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gerai.messaging.refusal import UnableToRepeat
from gerai.messaging.storage import IdempotencyKey, KeyKind, StoredAnswer

FORM = "aes-256-gcm"
"""In the header `sealed` of a kept answer. One without it was kept by an earlier version and stands in clear."""
NONCE_BYTES = 12
PURPOSE = b"gerai: answer under an idempotency key"


@dataclass(frozen=True, kw_only=True)
class Repeatable:
    """A request that takes effect once, or a part of it."""

    idempotency_key: IdempotencyKey
    cipher: AESGCM

    @classmethod
    def of(cls, owner: str, key: str, *, fingerprint: str) -> "Repeatable":
        """`owner`: who the key belongs to. What is kept of both is a hash: it hides a key that is random, and not one
        that can be guessed, such as a time; so nothing that tells of a person may be in it (see `requests.key_of`).
        `fingerprint`: a hash of the request. It is kept keyed with what follows from both: a body of a few words, such as a
        NIK, could be found from a plain hash by trying all there are."""
        asked = f"{owner} {key}".encode()
        derived = HKDF(algorithm=SHA256(), length=64, salt=None, info=PURPOSE).derive(asked)
        idempotency_key = IdempotencyKey(
            kind=KeyKind.IDEMPOTENCY,
            key=hashlib.sha256(asked).hexdigest(),
            fingerprint=hmac.digest(derived[32:], fingerprint.encode(), "sha256").hex(),
            earlier_fingerprint=fingerprint,
        )
        return cls(idempotency_key=idempotency_key, cipher=AESGCM(derived[:32]))

    def part(self, number: int) -> "Repeatable":
        """One of the transactions that it takes; it is kept beside the others."""
        return replace(
            self,
            idempotency_key=replace(self.idempotency_key, key=f"{self.idempotency_key.key} part {number}"),
        )

    def seal(self, answer: StoredAnswer) -> StoredAnswer:
        """As it is kept. Bound to its id, so that no other answer can be put in its place."""
        nonce = os.urandom(NONCE_BYTES)
        body = nonce + self.cipher.encrypt(nonce, answer.body, self.idempotency_key.key.encode())
        return StoredAnswer(body=body, headers={**answer.headers, "sealed": FORM})

    def open(self, kept: StoredAnswer) -> StoredAnswer:
        """As it was answered; also one that an earlier version kept in clear. Raises InvalidTag where somebody has
        changed what was kept; UnableToRepeat where it told of somebody who was forgotten."""
        if kept.forgotten:
            raise UnableToRepeat("answer_forgotten", field="Idempotency-Key")
        if "sealed" not in kept.headers:
            return kept
        nonce, body = kept.body[:NONCE_BYTES], kept.body[NONCE_BYTES:]
        return replace(kept, body=self.cipher.decrypt(nonce, body, self.idempotency_key.key.encode()))
