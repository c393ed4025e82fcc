"""What deploys a service tells it: by environment variables `GERAI_…`, or by mounted files.

Any setting may come from a file: `GERAI_MONGODB_URI_FILE=/run/secrets/uri` is read in place of
`GERAI_MONGODB_URI`. Only a service's `bootstrap` reads settings; everything else receives values.
"""

import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, SecretStr, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from gerai.messaging.mongo.driver import Driver

PREFIX = "GERAI_"


class Role(StrEnum):
    """What a process does; one code base, separate processes."""

    API = "api"
    WORKER = "worker"


class Environment(StrEnum):
    DEVELOPMENT = "development"
    PRODUCTION = "production"


class FileSource(PydanticBaseSettingsSource):
    """`GERAI_X_FILE` names the file that holds X."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text(encoding="utf-8").strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """Common to all services; each adds its own. Raises ValidationError with every fault at once."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    environment: Environment = Environment.PRODUCTION
    roles: Annotated[frozenset[Role], NoDecode] = frozenset(Role)
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65_535)
    mongodb_uri: SecretStr
    mongodb_database: str
    mongodb_driver: Driver = Driver.MOTOR
    kafka_bootstrap: str
    issuer: str
    audience: str = "gerai"
    jwks_url: str
    otlp_endpoint: str = ""
    """Base address of an OTLP/HTTP receiver; empty: traces stay in the process."""
    trace_ratio: float = Field(default=0.1, ge=0, le=1)
    clock_anchor_real: datetime | None = None
    clock_anchor_business: datetime | None = None
    clock_speed: float = Field(default=1.0, gt=0, le=10_000)
    log_level: str = "info"
    stop_seconds: float = Field(default=20.0, gt=0, le=300)
    """How long a graceful stop may take."""

    @property
    def simulates_time(self) -> bool:
        return self.clock_anchor_business is not None or self.clock_speed != 1.0

    @model_validator(mode="before")
    @classmethod
    def _split_roles(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("roles"), str):
            values["roles"] = [role.strip() for role in values["roles"].split(",") if role.strip()]
        return values

    @model_validator(mode="after")
    def _production_is_real(self) -> Self:
        if self.environment is not Environment.PRODUCTION:
            return self
        if self.simulates_time:
            raise ValueError("production runs on real time: remove GERAI_CLOCK_…")
        for name in ("issuer", "jwks_url"):
            if not getattr(self, name).startswith("https://"):
                raise ValueError(f"production trusts tokens only over https: GERAI_{name.upper()}")
        return self

    @model_validator(mode="after")
    def _both_anchors(self) -> Self:
        if (self.clock_anchor_real is None) != (self.clock_anchor_business is None):
            raise ValueError("GERAI_CLOCK_ANCHOR_REAL and GERAI_CLOCK_ANCHOR_BUSINESS belong together")
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
