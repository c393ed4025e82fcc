"""How every client of ours reaches Kafka: where it is, how it proves who we are, and how the line is protected."""

import argparse
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiokafka.helpers import create_ssl_context


class SecurityProtocol(StrEnum):
    """As Kafka names them."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def has_tls(self) -> bool:
        return self in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL)

    @property
    def has_login(self) -> bool:
        return self in (SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL)


class SaslMechanism(StrEnum):
    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


class Inconsistent(ValueError):
    """What is said of the connection does not go together; the message says what is missing or too much."""


@dataclass(frozen=True, kw_only=True)
class KafkaConnection:
    """Raises Inconsistent. Files are read whenever a client connects, so renewed certificates are taken up then."""

    bootstrap: str
    """host:port,host:port"""
    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    """Who signs the brokers' certificates; None: whom the machine trusts."""
    certificate_file: Path | None = None
    """Our own certificate, for brokers that know clients by it."""
    key_file: Path | None = None

    def __post_init__(self) -> None:
        login, tls = (self.username, self.password), (self.ca_file, self.certificate_file, self.key_file)
        if self.protocol.has_login and not all(login):
            raise Inconsistent(f"{self.protocol} needs a user name and a password")
        if not self.protocol.has_login and any(login):
            raise Inconsistent(f"a user name or a password is given, and {self.protocol} does not use it")
        if not self.protocol.has_tls and any(tls):
            raise Inconsistent(f"a CA, certificate or key is given, and {self.protocol} does not use it")
        if bool(self.certificate_file) != bool(self.key_file):
            raise Inconsistent("a client certificate and its key are given together or not at all")

    def options(self) -> dict[str, Any]:
        """What aiokafka's clients take. Raises OSError (ssl.SSLError is one) where a file cannot be used."""
        found: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.protocol.value,
        }
        if self.protocol.has_tls:
            found["ssl_context"] = create_ssl_context(
                cafile=_path(self.ca_file),
                certfile=_path(self.certificate_file),
                keyfile=_path(self.key_file),
            )
        if self.protocol.has_login:
            found["sasl_mechanism"] = self.mechanism.value
            found["sasl_plain_username"] = self.username
            found["sasl_plain_password"] = self.password
        return found


def _path(file: Path | None) -> str | None:
    return str(file) if file is not None else None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """For operators' commands. The password comes from a file, so that it stands in no list of processes."""
    parser.add_argument("--bootstrap", required=True, help="a Kafka broker, host:port")
    parser.add_argument("--security-protocol", type=SecurityProtocol, default=SecurityProtocol.PLAINTEXT)
    parser.add_argument("--sasl-mechanism", type=SaslMechanism, default=SaslMechanism.SCRAM_SHA_512)
    parser.add_argument("--username")
    parser.add_argument("--password-file", type=Path)
    parser.add_argument("--ca-file", type=Path)
    parser.add_argument("--certificate-file", type=Path)
    parser.add_argument("--key-file", type=Path)


def stated(given: argparse.Namespace) -> KafkaConnection:
    """Raises Inconsistent, or OSError where the password's file cannot be read."""
    return KafkaConnection(
        bootstrap=given.bootstrap,
        protocol=given.security_protocol,
        mechanism=given.sasl_mechanism,
        username=given.username,
        password=given.password_file.read_text().strip() if given.password_file else None,
        ca_file=given.ca_file,
        certificate_file=given.certificate_file,
        key_file=given.key_file,
    )
