"""A real broker behind TLS and a login: who knows both comes in, and who does not is told so in the log."""

import asyncio
import ipaddress
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from notes_process import notes_process

from gerai.chassis.testing import free_port
from gerai.contracts.event import Cleanup, Topic
from gerai.messaging.kafka import topics
from gerai.messaging.kafka.connection import KafkaConnection, SaslMechanism, SecurityProtocol
from gerai.messaging.kafka.publisher import KafkaPublisher
from local import kafka
from local.supervisor import Supervisor

PASSWORD = "hunter2-of-the-notes"
TOPIC = Topic(
    name="notes.protected", key="id", partitions=1, retention_days=1, cleanup=Cleanup.DELETE, owner="notes"
)


class Authority:
    """Signs certificates, as a deployment's own CA does."""

    def __init__(self, folder: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        self._certificate = self._signed(self._name, self._key.public_key(), is_ca=True)
        self.file.write_bytes(pem(self._certificate))

    def server(self, file: Path) -> None:
        """Key and certificate of a server on this machine, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kafka")])
        certificate = self._signed(name, key.public_key(), is_ca=False)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + pem(certificate) + pem(self._certificate))

    def _signed(self, name: x509.Name, key: ec.EllipticCurvePublicKey, *, is_ca: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([here]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
async def protected(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KafkaConnection]:
    """How to reach the broker."""
    folder = tmp_path_factory.mktemp("protected")
    authority = Authority(folder, "own-ca")
    authority.server(folder / "kafka.pem")
    plain, secure, controller = free_port(), free_port(), free_port()
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},"
        f"CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secure.plain.sasl.jaas.config": f'{login} user_notes="{PASSWORD}";',
        "listener.name.secure.ssl.keystore.type": "PEM",
        "listener.name.secure.ssl.keystore.location": str(folder / "kafka.pem"),
    }
    async with Supervisor(folder / "broker") as supervisor:
        program = await kafka.program(
            directory=folder / "broker", port=plain, controller_port=controller, settings=settings
        )
        await supervisor.add(program).start()
        yield KafkaConnection(
            bootstrap=f"127.0.0.1:{secure}",
            protocol=SecurityProtocol.SASL_SSL,
            mechanism=SaslMechanism.PLAIN,
            username="notes",
            password=PASSWORD,
            ca_file=authority.file,
        )


def refused(protected: KafkaConnection, case: str, folder: Path) -> KafkaConnection:
    if case == "a wrong password":
        return replace(protected, password=f"not-{PASSWORD}")
    if case == "a CA that nobody knows":
        return replace(protected, ca_file=Authority(folder, "foreign-ca").file)
    return KafkaConnection(bootstrap=protected.bootstrap)


CASES = ("a wrong password", "a CA that nobody knows", "no protection at all")


WHY = {CASES[0]: b"uthentication", CASES[1]: b"CERTIFICATE_VERIFY_FAILED"}


@pytest.mark.asyncio(loop_scope="module")
class TestProtectedKafka:
    async def test_topics_are_made_written_and_read_through_it(self, protected: KafkaConnection) -> None:
        await topics.ensure(protected, [TOPIC], create=True)
        producer = AIOKafkaProducer(**protected.options())
        await producer.start()
        await producer.send_and_wait(TOPIC.name, b"well")
        await producer.stop()
        consumer = AIOKafkaConsumer(TOPIC.name, **protected.options(), auto_offset_reset="earliest")
        await consumer.start()
        assert (await consumer.getone()).value == b"well"
        await consumer.stop()

    @pytest.mark.parametrize("case", CASES)
    async def test_refuses(self, protected: KafkaConnection, case: str, tmp_path: Path) -> None:
        with pytest.raises((KafkaError, TimeoutError)):
            await KafkaPublisher.connect(refused(protected, case, tmp_path), client_id="stranger")

    @pytest.mark.parametrize("case", CASES[:2])
    async def test_that_refuses_a_service_is_named_in_its_log(
        self, protected: KafkaConnection, case: str, tmp_path: Path, mongodb_uri: str
    ) -> None:
        kafka = refused(protected, case, tmp_path)
        (tmp_path / "password").write_text(str(kafka.password))
        settings: dict[str, Any] = {
            "kafka_bootstrap": kafka.bootstrap,
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "PLAIN",
            "kafka_username": "notes",
            "kafka_password_file": str(tmp_path / "password"),
            "kafka_ca_file": str(kafka.ca_file),
        }
        database = f"notes_{uuid.uuid4().hex[:8]}"
        async with notes_process(
            mongodb_uri=mongodb_uri, mongodb_database=database, roles="worker", **settings
        ) as notes:
            assert notes.process.stdout is not None
            said = b""
            async with asyncio.timeout(60):
                while WHY[case] not in said:
                    said += await notes.process.stdout.readline()
            assert await notes.status_of("/health/live") == 200
            assert await notes.status_of("/health/ready") == 503
            notes.ask_to_stop()
            rest, _ = await notes.process.communicate()
        assert PASSWORD.encode() not in said + rest
