"""Who is let in, and as what: by a provider of OpenID Connect on this machine, and by a proxy's header."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from core.errors import SettingError
from dashboard import hosts, login
from tests.helpers.browsing import serving
from tests.helpers.command_line import ROOT
from tests.helpers.oidc_server import CLIENT, SECRET, Provider, providing
from tests.helpers.ports import free_port
from tests.helpers.raw_visitor import RawVisitor, visiting

KEY = "0123456789abcdef" * 4
SECRETS = """
[auth]
redirect_uri = "http://127.0.0.1:{port}/oauth2callback"
cookie_secret = "{key}"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test puts in force ends with it."""
    for name in (login.LOGIN, login.ADMINS, login.PROXIES, login.HEADER):
        monkeypatch.setenv(name, "")


def secrets_file(path: Path, port: int, provider: str, key: str = KEY) -> Path:
    text = SECRETS.format(port=port, key=key, client=CLIENT, secret=SECRET, provider=provider)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with providing() as running:
        yield running


@pytest.fixture(scope="module")
def by_oidc(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("oidc"), free_port()
    secrets = secrets_file(folder / "secrets.toml", port, provider.address)
    command = (sys.executable, "-m", "dashboard", "--public", "--login", str(secrets), "--admin", "boss@example.org")
    with serving(folder / "cache", command, folder, port=port, PYTHONPATH=str(ROOT)) as address:
        yield address


@pytest.fixture(scope="module")
def by_header(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("header")
    options = ["--public", "--trust-header", "X-Forwarded-Email", "--admin", "boss@example.org"]
    command = (sys.executable, "-m", "dashboard", *options)
    with serving(folder / "cache", command, folder, PYTHONPATH=str(ROOT)) as address:
        yield address


@contextmanager
def logged_in(address: str, provider: Provider, **person: object) -> Iterator[RawVisitor]:
    """Log in as a browser does: by the button, the provider's redirection and the cookie that comes of it."""
    provider.person = person
    with visiting(address) as stranger:
        stranger.opens({})
        stranger.sets("Log in", trigger_value=True)
        leads_to = next(said["authRedirect"]["url"] for said in stranger.shown if "authRedirect" in said)
    jar = CookieJar()
    build_opener(HTTPCookieProcessor(jar)).open(f"{address}{leads_to}", timeout=60).read()
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar if cookie.name != "_streamlit_xsrf")
    with visiting(address, cookies) as visitor:
        yield visitor


def test_a_stranger_is_shown_a_way_to_log_in_and_nothing_else(by_oidc: str) -> None:
    with visiting(by_oidc) as stranger:
        for page in ("", "jobs", "reproduction"):
            stranger.opens({"model": "embedded"}, page)
            assert set(stranger.widgets) == {"Log in"}
        assert stranger.puts("file", "a.csv", b"en,de\n") == 403


def test_a_visitor_sees_the_pages_and_their_own_jobs(by_oidc: str, provider: Provider) -> None:
    with logged_in(by_oidc, provider, email="Visitor@example.org", email_verified=True) as visitor:
        visitor.opens({}, "jobs")
        assert "Logged in as visitor@example.org." in visitor.text
        assert "These are your own jobs" in visitor.text
        assert "The machine" not in visitor.text


def test_who_is_listed_runs_the_server(by_oidc: str, provider: Provider) -> None:
    with logged_in(by_oidc, provider, email="boss@example.org", email_verified=True) as visitor:
        visitor.opens({}, "jobs")
        assert "The machine" in visitor.text
        assert "These are your own jobs" not in visitor.text


@pytest.mark.parametrize("said", [{"email_verified": False}, {"email_verified": "false"}, {}])
def test_an_address_that_the_provider_has_not_confirmed_lets_nobody_in(
    by_oidc: str, provider: Provider, said: dict[str, object]
) -> None:
    with logged_in(by_oidc, provider, email="boss@example.org", **said) as visitor:
        visitor.opens({}, "jobs")
        assert set(visitor.widgets) == {"Log out"}


def test_a_cookie_that_was_altered_lets_nobody_in(by_oidc: str) -> None:
    with visiting(by_oidc, "_streamlit_user=eyJlbWFpbCI6ImJvc3MifQ==|1|forged") as visitor:
        visitor.opens({}, "jobs")
        assert set(visitor.widgets) == {"Log in"}


def test_a_proxy_says_who_a_visitor_is(by_header: str) -> None:
    with visiting(by_header) as visitor:
        visitor.opens({})
        assert "its proxy has not said who you are" in visitor.text
        assert visitor.widgets == {}
    for email, is_admin in (("visitor@example.org", False), ("boss@example.org", True)):
        said = {"X-Forwarded-Email": email, "X-Forwarded-For": "203.0.113.9"}  # as proxies do: it is not the peer
        with visiting(by_header, **said) as visitor:
            visitor.opens({}, "jobs")
            assert ("The machine" in visitor.text) == is_admin
            assert ("Computes in" in visitor.text) == is_admin


def test_a_header_from_elsewhere_says_nothing() -> None:
    login.apply(None, "X-Forwarded-Email", ["192.0.2.7"], [])
    headers = [(b"host", b"localhost"), (b"x-forwarded-email", b"boss@example.org")]
    # A server that listens on :: sees an address of version 4 as one of version 6.
    mapped = (("::ffff:127.0.0.1", 2), ("::ffff:192.0.2.7", 2), ("::ffff:c000:207", 2), ("::ffff:192.0.2.8", 1))
    for client, kept in (("127.0.0.1", 2), ("192.0.2.7", 2), ("192.0.2.8", 1), ("no address", 1), (None, 1), *mapped):
        scope = {"type": "websocket", "headers": headers, "client": None if client is None else (client, 1)}
        assert len(hosts._without_claims(scope)["headers"]) == kept


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (None, "cannot be read"),
        ("[auth", "cannot be read"),
        ("[auth]\n", "lacks redirect_uri, cookie_secret"),
        (SECRETS.format(port=1, key="short", client=1, secret=1, provider="http://x"), "fewer than 32 characters"),
    ],
)
def test_a_file_of_secrets_that_will_not_do_is_refused_at_the_start(tmp_path: Path, file: str | None, why: str) -> None:
    path = tmp_path / "secrets.toml"
    if file is not None:
        path.write_text(file, encoding="utf-8")
        path.chmod(0o600)
    with pytest.raises(SettingError, match=why):
        login.apply(str(path), None, [], [])


def test_secrets_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = secrets_file(tmp_path / "secrets.toml", 1, "http://x")
    path.chmod(0o644)
    with pytest.raises(SettingError, match="others on this machine can read"):
        login.apply(str(path), None, [], [])
    for options in (("a", "b", [], []), (None, None, [], ["x@example.org"]), (None, "X-Email", ["nowhere"], [])):
        with pytest.raises(SettingError):
            login.apply(*options)
