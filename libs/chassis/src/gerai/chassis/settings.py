"""What deploys a service tells it: by environment variables `GERAI_…`, or by mounted files.

Any setting may come from a file: `GERAI_MONGODB_URI_FILE=/run/secrets/uri` is read in place of
`GERAI_MONGODB_URI`. Only a service's `bootstrap` reads settings; everything else receives values.
"""

import base64
import binascii
import ipaddress
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AwareDatetime,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from gerai.chassis.addresses import FORWARDED_FOR
from gerai.messaging.kafka.connection import KafkaConnection, SaslMechanism, SecurityProtocol
from gerai.messaging.mongo.driver import Driver
from gerai.messaging.retention import LEAST_INBOX_DAYS, Keep

PREFIX = "GERAI_"
KEEP = Keep()
LONGEST_DAYS = 36_500
LAST_PORT = 65_535
OPERATORS_ABOVE = 100
KEY_BYTES = 32


class Role(StrEnum):
    """What a process does; one code base, separate processes."""

    API = "api"
    WORKER = "worker"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class UnreadableFile(Exception):
    """A `GERAI_…_FILE` names a file that cannot be read."""


class MissingSetting(Exception):
    """What this service has needs a setting that is not there."""


class FileSource(PydanticBaseSettingsSource):
    """`GERAI_X_FILE` names the file that holds X."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        try:
            return (Path(path).read_text(encoding="utf-8").strip() if path else None), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise UnreadableFile(f"{variable}: {path} cannot be read ({type(error).__name__})") from error

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value


LogLevel = Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)]
Roles = Annotated[frozenset[Role], NoDecode, BeforeValidator(_listed), Field(min_length=1)]

Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(_listed)]


def is_loopback(url: str) -> bool:
    """Whether an address never leaves this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def ticket_keys(stated: str) -> list[bytes]:
    """Base64 of 32 bytes each, separated by commas. Raises ValueError that does not hold them."""
    try:
        keys = [base64.b64decode(one.strip(), validate=True) for one in stated.split(",") if one.strip()]
    except binascii.Error:
        raise ValueError("a key is not base64") from None
    if any(len(key) != KEY_BYTES for key in keys):
        raise ValueError(f"a key has {KEY_BYTES} bytes: openssl rand -base64 {KEY_BYTES}")
    return keys


class Settings(BaseSettings):
    """Common to all services; each adds its own. Raises ValidationError with every fault at once, UnreadableFile
    where a mounted file is missing."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    environment: Environment = Environment.PRODUCTION
    roles: Roles = frozenset(Role)
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=LAST_PORT)
    operator_host: str = "127.0.0.1"
    operator_port: int | None = Field(default=None, ge=0, le=LAST_PORT)
    """Health, metrics and the API's description: never to be reached from outside. None: see `operators_on`."""
    connections: int = Field(default=4_096, ge=32, le=100_000)
    """That the process holds at once; half of them for those who have shown no good token."""
    connections_per_address: int = Field(default=512, ge=1)
    """Unauthenticated connections from one address (IPv6: one /64 network)."""
    trusted_proxies: Networks = ()
    """Networks of our own ingress, whose word about the client's address is believed."""
    client_address_header: str = Field(default=FORWARDED_FOR, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    """The header in which that ingress says it, as a list of addresses; no other is read."""
    strangers_at_once: int = Field(default=64, ge=1)
    """Requests in progress of those who have no token."""
    requests_at_once: int = Field(default=1_024, ge=1)
    """Of those who have one; no regency takes more than half of them, no subject more than a quarter."""
    rate_per_address: float = Field(default=300.0, gt=0)
    """Requests a second of strangers from one address; two seconds' worth may come at once, as of callers."""
    failed_logins_per_address: float = Field(default=100.0, gt=0)
    rate_per_subject: float = Field(default=300.0, gt=0)
    """Requests a second of callers. A process answers one to two thousand: no token takes more than a part of that."""
    rate_per_regency: float = Field(default=1_500.0, gt=0)
    mongodb_uri: SecretStr
    mongodb_database: str
    mongodb_driver: Driver = Driver.MOTOR
    encryption_keys: Path | None = None
    """A mounted directory with the key-encryption keys; see `wrapping_keys`. Needed where a service keeps personal data."""
    kafka_bootstrap: str
    kafka_security_protocol: SecurityProtocol | None = None
    """None: PLAINTEXT in development; production has to say which."""
    kafka_sasl_mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    kafka_username: str | None = None
    kafka_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    kafka_certificate_file: Path | None = None
    kafka_key_file: Path | None = None
    issuer: str
    audience: str = "gerai"
    jwks_url: str
    token_longest_seconds: float = Field(default=12 * 3600, ge=60, le=7 * 24 * 3600)
    """From now, and from its own beginning, to a token's end; one that would live longer is refused."""
    stream_ticket_keys: SecretStr = SecretStr("")
    """Base64 of 32 bytes, the same in all replicas; several, separated by commas, while they are changed: the first one
    seals, all of them open. Empty: one that this process alone has, in development."""
    otlp_endpoint: str = ""
    """Base address of an OTLP/HTTP receiver; empty: traces stay in the process."""
    trace_ratio: float = Field(default=0.1, ge=0, le=1)
    clock_anchor_real: AwareDatetime | None = None
    """With `clock_anchor_business` and `clock_speed`: a simulated business clock, for demos and tests."""
    clock_anchor_business: AwareDatetime | None = None
    clock_speed: float = Field(default=1.0, gt=0, le=10_000)
    keep_answers_days: int = Field(default=KEEP.answers, ge=1, le=30)
    """These say how long the machinery's own rows are kept; docs/data-map.md says why."""
    keep_published_days: int = Field(default=KEEP.published, ge=1, le=LONGEST_DAYS)
    keep_inbox_days: int = Field(default=KEEP.inbox, ge=LEAST_INBOX_DAYS, le=LONGEST_DAYS)
    keep_refused_events_days: int = Field(default=180, ge=7, le=LONGEST_DAYS)
    keep_unread_records_days: int = Field(default=90, ge=7, le=LONGEST_DAYS)
    keep_unhandled_timers_days: int = Field(default=400, ge=7, le=LONGEST_DAYS)
    log_level: LogLevel = "info"
    stop_seconds: float = Field(default=20.0, gt=0, le=300)
    """How long a graceful stop may take."""

    @property
    def operators_on(self) -> int:
        """The operators' port: the one set, or the one that lies `OPERATORS_ABOVE` the public one; 0: any."""
        if self.operator_port is not None:
            return self.operator_port
        return self.http_port + OPERATORS_ABOVE if self.http_port else 0

    @property
    def keep(self) -> Keep:
        return Keep(
            answers=self.keep_answers_days,
            published=self.keep_published_days,
            inbox=self.keep_inbox_days,
        )

    @property
    def simulates_time(self) -> bool:
        return self.clock_anchor_business is not None or self.clock_speed != 1.0

    @property
    def kafka(self) -> KafkaConnection:
        """Raises Inconsistent, which is a ValueError."""
        password = self.kafka_password
        return KafkaConnection(
            bootstrap=self.kafka_bootstrap,
            protocol=self.kafka_security_protocol or SecurityProtocol.PLAINTEXT,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_username,
            password=password.get_secret_value() if password is not None else None,
            ca_file=self.kafka_ca_file,
            certificate_file=self.kafka_certificate_file,
            key_file=self.kafka_key_file,
        )

    @model_validator(mode="after")
    def _kafka_is_reached_in_one_way(self) -> Self:
        if self.environment is Environment.PRODUCTION and self.kafka_security_protocol is None:
            raise ValueError(
                "production says how it reaches Kafka: GERAI_KAFKA_SECURITY_PROTOCOL=SASL_SSL or SSL (PLAINTEXT only "
                "where the network itself keeps strangers out)"
            )
        try:
            self.kafka.options()
        except OSError as error:
            raise ValueError(f"a file of GERAI_KAFKA_… cannot be used: {error.strerror or error}") from error
        return self

    @model_validator(mode="after")
    def _production_is_real(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        if self.simulates_time:
            raise ValueError("production runs on real time: remove GERAI_CLOCK_…")
        for name in ("issuer", "jwks_url"):
            address = getattr(self, name)
            if not address.startswith("https://") or is_loopback(address):
                raise ValueError(
                    f"production trusts tokens only of an issuer elsewhere, over https: GERAI_{name.upper()}"
                )
        return self

    @field_validator("stream_ticket_keys")
    @classmethod
    def _are_keys(cls, keys: SecretStr) -> SecretStr:
        ticket_keys(keys.get_secret_value())
        return keys

    @field_validator("client_address_header")
    @classmethod
    def _is_a_list_of_addresses(cls, name: str) -> str:
        if name.lower() == "forwarded":
            raise ValueError("Forwarded (RFC 7239) is not read: let the ingress write X-Forwarded-For")
        return name

    @model_validator(mode="after")
    def _operators_have_a_port(self) -> Self:
        if not self.operators_on <= LAST_PORT or (self.http_port and self.operators_on == self.http_port):
            raise ValueError("the operators' listener needs a port of its own: GERAI_OPERATOR_PORT")
        return self

    @model_validator(mode="after")
    def _clock_is_the_same_everywhere(self) -> Self:
        """Processes start at different moments; without both anchors each would have a time of its own."""
        anchors = (self.clock_anchor_real, self.clock_anchor_business)
        if None in anchors and (any(anchors) or self.clock_speed != 1.0):
            raise ValueError(
                "a simulated clock needs GERAI_CLOCK_ANCHOR_REAL and GERAI_CLOCK_ANCHOR_BUSINESS"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, FileSource(settings_cls), env_settings
