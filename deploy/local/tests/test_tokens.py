import threading
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest

from local import issuer as issuer_process
from local import tokens
from local.failure import UnableToStart
from local.tokens import AUDIENCE, Issuer, Role

URL = "http://127.0.0.1:8109"


def claims(issuer: Issuer, token: str) -> dict:
    key = jwt.PyJWK(issuer.jwk())
    assert jwt.get_unverified_header(token)["kid"] == issuer.jwk()["kid"]
    return jwt.decode(token, key, algorithms=["ES256"], audience=AUDIENCE, issuer=URL)


class TestIssuer:
    def test_a_token_carries_who_may_do_what_where(self, tmp_path):
        issuer = Issuer.at(tmp_path, url=URL)
        found = claims(issuer, issuer.mint("officer", "supervisor", tenant="kendari", subject="wa-ode"))
        assert found["roles"] == ["officer", "supervisor"]
        assert (found["tenant"], found["sub"]) == ("kendari", "wa-ode")
        assert found["iat"] == found["nbf"] < found["exp"]

    def test_the_tenant_is_muna_barat_where_none_is_named(self, tmp_path):
        issuer = Issuer.at(tmp_path, url=URL)
        assert claims(issuer, issuer.mint(Role.KIOSK))["tenant"] == "muna-barat"

    def test_an_expired_token_is_refused(self, tmp_path):
        issuer = Issuer.at(tmp_path, url=URL)
        token = issuer.mint("admin", ttl=timedelta(minutes=1), now=datetime.now(UTC) - timedelta(hours=1))
        with pytest.raises(jwt.ExpiredSignatureError):
            claims(issuer, token)

    def test_an_unknown_role_is_refused_with_the_list_of_roles(self, tmp_path):
        with pytest.raises(UnableToStart, match=r"no role 'king'; the roles are admin, .*operator"):
            Issuer.at(tmp_path, url=URL).mint("king")

    def test_the_key_is_made_once_and_for_its_owner_only(self, tmp_path):
        first = Issuer.at(tmp_path, url=URL)
        assert Issuer.at(tmp_path, url=URL).jwk() == first.jwk()
        assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600

    def test_serves_its_public_key_and_nothing_of_the_private_one(self, tmp_path):
        issuer = Issuer.at(tmp_path, url=URL)
        with issuer_process.server(issuer, 0) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            address = f"http://127.0.0.1:{server.server_port}"
            found = httpx.get(f"{address}/.well-known/openid-configuration").json()
            keys = httpx.get(f"{address}/jwks.json").json()["keys"]
            missing = httpx.get(f"{address}/key.pem").status_code
            server.shutdown()
            thread.join(10)
        assert (found["issuer"], found["jwks_uri"]) == (URL, f"{URL}/jwks.json")
        assert keys == [issuer.jwk()]
        assert "d" not in keys[0]
        assert missing == 404


class TestMakeToken:
    def test_prints_a_token_for_the_platform_that_was_started(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setenv("GERAI_DATA_DIR", str(tmp_path))
        (tmp_path / "up").mkdir()
        (tmp_path / "up" / "platform.json").write_text(f'{{"issuer": "{URL}"}}')
        assert tokens.main(["officer,kiosk", "--tenant", "bombana"]) == 0
        found = claims(Issuer.at(tmp_path / "up" / "issuer", url=URL), capsys.readouterr().out.strip())
        assert (found["roles"], found["tenant"]) == (["officer", "kiosk"], "bombana")

    @pytest.mark.parametrize(
        ("roles", "sentence"),
        [
            ("king", "There is no role 'king'"),
            ("", "A token needs a role"),
            ("officer", "run `make up` first"),
        ],
    )
    def test_says_what_is_missing(self, tmp_path, monkeypatch, capsys, roles, sentence):
        monkeypatch.setenv("GERAI_DATA_DIR", str(tmp_path))
        assert tokens.main([roles]) == 1
        printed = capsys.readouterr()
        assert sentence in printed.err
        assert printed.out == ""
