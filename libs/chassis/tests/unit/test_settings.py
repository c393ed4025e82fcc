"""What deploys a service tells it; production refuses what is only for demos and tests."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import notes
import pytest
from pydantic import ValidationError

from gerai.chassis.service import run
from gerai.chassis.settings import Role, Settings, UnreadableFile

GOOD = {
    "MONGODB_URI": "mongodb://gerai:hunter2@db/?replicaSet=rs0",
    "MONGODB_DATABASE": "notes",
    "KAFKA_BOOTSTRAP": "kafka:9092",
    "KAFKA_SECURITY_PROTOCOL": "SSL",
    "ISSUER": "https://login.example.go.id/realms/gerai",
    "JWKS_URL": "https://login.example.go.id/realms/gerai/certs",
}
ANCHORS = {
    "CLOCK_ANCHOR_REAL": "2026-11-24T08:00:00+08:00",
    "CLOCK_ANCHOR_BUSINESS": "2026-11-24T08:00:00+08:00",
}


def stated(monkeypatch: pytest.MonkeyPatch, **more: str | None) -> Settings:
    for name, value in (GOOD | more).items():
        if value is not None:
            monkeypatch.setenv(f"GERAI_{name}", value)
    return Settings()


class TestSources:
    def test_production_is_what_nobody_has_to_ask_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert stated(monkeypatch).environment == "production"

    def test_a_mounted_file_is_read(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "uri").write_text("mongodb://from-a-file\n")
        read = stated(monkeypatch, MONGODB_URI=None, MONGODB_URI_FILE=str(tmp_path / "uri"))
        assert read.mongodb_uri.get_secret_value() == "mongodb://from-a-file"

    def test_a_missing_file_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(UnreadableFile, match="GERAI_MONGODB_URI_FILE: /nowhere"):
            stated(monkeypatch, MONGODB_URI=None, MONGODB_URI_FILE="/nowhere")

    def test_a_header_that_is_no_list_of_addresses_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert stated(monkeypatch, CLIENT_ADDRESS_HEADER="CF-Connecting-IP")
        with pytest.raises(ValidationError, match=r"Forwarded .* is not read"):
            stated(monkeypatch, CLIENT_ADDRESS_HEADER="forwarded")

    def test_roles_are_a_list_with_commas(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert stated(monkeypatch, ROLES="api, worker").roles == {Role.API, Role.WORKER}
        assert stated(monkeypatch, ROLES="worker").roles == {Role.WORKER}

    @pytest.mark.parametrize("roles", [",", "cook", "api,cook"])
    def test_no_role_and_unknown_roles_are_refused(self, monkeypatch: pytest.MonkeyPatch, roles: str) -> None:
        with pytest.raises(ValidationError, match="roles"):
            stated(monkeypatch, ROLES=roles)

    def test_an_empty_variable_is_as_good_as_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert stated(monkeypatch, OTLP_ENDPOINT="", CLOCK_ANCHOR_REAL="", LOG_LEVEL="").log_level == "info"

    def test_secrets_do_not_show(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "hunter2" not in repr(stated(monkeypatch))

    def test_wrong_settings_stop_the_process_with_all_faults_and_no_secret(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name, value in (GOOD | {"HTTP_PORT": "99999", "LOG_LEVEL": "hunter2", "ROLES": "cook"}).items():
            monkeypatch.setenv(f"GERAI_{name}", value)
        with pytest.raises(SystemExit) as ended:
            run(notes.service)
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert said.count("\n") == 1
        assert "hunter2" not in said
        assert all(name in said for name in ("notes cannot start", "GERAI_HTTP_PORT", "GERAI_LOG_LEVEL"))


class TestProduction:
    @pytest.mark.parametrize(
        "convenience",
        [
            {"CLOCK_SPEED": "60", **ANCHORS},
            ANCHORS,
            {"ISSUER": "http://login.example.go.id"},
            {"JWKS_URL": "http://login.example.go.id/certs"},
            {"ISSUER": "https://127.0.0.1:8443"},
            {"JWKS_URL": "https://localhost/certs"},
            {"JWKS_URL": "https://[::1]/certs"},
        ],
    )
    def test_conveniences_of_development_are_refused(
        self, monkeypatch: pytest.MonkeyPatch, convenience: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationError, match="production"):
            stated(monkeypatch, **convenience)
        assert stated(monkeypatch, ENVIRONMENT="development", **convenience).environment == "development"


LOGIN = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_USERNAME": "notes", "KAFKA_PASSWORD": "hunter2"}


class TestKafka:
    def test_a_login_over_tls_becomes_one_value(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "password").write_text("hunter2\n")
        of_file = {"KAFKA_PASSWORD": None, "KAFKA_PASSWORD_FILE": str(tmp_path / "password")}
        kafka = stated(monkeypatch, **LOGIN | of_file).kafka
        assert (kafka.username, kafka.password, kafka.mechanism) == ("notes", "hunter2", "SCRAM-SHA-512")
        assert kafka.options()["ssl_context"].check_hostname
        assert "hunter2" not in repr(kafka)

    @pytest.mark.parametrize(
        ("said", "why"),
        [
            (LOGIN | {"KAFKA_PASSWORD": None}, "SASL_SSL needs a user name and a password"),
            (LOGIN | {"KAFKA_SECURITY_PROTOCOL": "SSL"}, "SSL does not use it"),
            ({"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "KAFKA_CA_FILE": "/ca"}, "PLAINTEXT does not use it"),
            ({"KAFKA_CERTIFICATE_FILE": "/c"}, "are given together or not at all"),
            ({"KAFKA_CA_FILE": "/nowhere"}, "a file of GERAI_KAFKA_… cannot be used"),
            ({"KAFKA_SECURITY_PROTOCOL": "TLS"}, "kafka_security_protocol"),
            (LOGIN | {"KAFKA_SASL_MECHANISM": "GSSAPI"}, "kafka_sasl_mechanism"),
        ],
    )
    def test_what_does_not_go_together_is_refused_in_a_sentence(
        self, monkeypatch: pytest.MonkeyPatch, said: dict[str, str | None], why: str
    ) -> None:
        with pytest.raises(ValidationError, match=why) as refused:
            stated(monkeypatch, **said)
        assert "hunter2" not in str(refused.value)

    def test_production_says_how_it_reaches_kafka(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(ValidationError, match="GERAI_KAFKA_SECURITY_PROTOCOL=SASL_SSL"):
            stated(monkeypatch, KAFKA_SECURITY_PROTOCOL=None)
        assert stated(monkeypatch, KAFKA_SECURITY_PROTOCOL="PLAINTEXT").kafka.protocol == "PLAINTEXT"

    def test_development_need_not(self, monkeypatch: pytest.MonkeyPatch) -> None:
        bare = stated(monkeypatch, KAFKA_SECURITY_PROTOCOL=None, ENVIRONMENT="development")
        assert bare.kafka.protocol == "PLAINTEXT"


class TestClocks:
    @pytest.mark.parametrize(
        "half",
        [
            {"CLOCK_SPEED": "60"},
            {"CLOCK_ANCHOR_REAL": ANCHORS["CLOCK_ANCHOR_REAL"]},
            {"CLOCK_ANCHOR_BUSINESS": ANCHORS["CLOCK_ANCHOR_BUSINESS"], "CLOCK_SPEED": "2"},
        ],
    )
    def test_a_clock_that_would_differ_between_processes_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, half: dict[str, Any]
    ) -> None:
        with pytest.raises(ValidationError, match="needs GERAI_CLOCK_ANCHOR_REAL and"):
            stated(monkeypatch, ENVIRONMENT="development", **half)

    def test_an_anchor_without_a_zone_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        naive = ANCHORS | {"CLOCK_ANCHOR_REAL": "2026-11-24T08:00:00"}
        with pytest.raises(ValidationError, match="timezone"):
            stated(monkeypatch, ENVIRONMENT="development", **naive)

    def test_anchors_keep_their_moment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        read = stated(monkeypatch, ENVIRONMENT="development", **ANCHORS)
        assert read.clock_anchor_business == datetime(2026, 11, 24, 0, tzinfo=UTC)


class TestListeners:
    @pytest.mark.parametrize(
        ("said", "port"),
        [
            ({"HTTP_PORT": "8102"}, 8202),
            ({"HTTP_PORT": "0"}, 0),
            ({"HTTP_PORT": "8102", "OPERATOR_PORT": "9000"}, 9000),
        ],
    )
    def test_operators_have_a_port_of_their_own(
        self, monkeypatch: pytest.MonkeyPatch, said: dict[str, str], port: int
    ) -> None:
        assert stated(monkeypatch, **said).operators_on == port

    @pytest.mark.parametrize("said", [{"OPERATOR_PORT": "8080"}, {"HTTP_PORT": "65500"}])
    def test_one_that_is_taken_or_that_does_not_exist_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
    ) -> None:
        with pytest.raises(ValidationError, match="GERAI_OPERATOR_PORT"):
            stated(monkeypatch, **said)
