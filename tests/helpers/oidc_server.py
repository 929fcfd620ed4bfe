"""A provider of OpenID Connect on this machine: whoever comes is the person that it was started with."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "dashboard", "the client's secret"


class Provider(ThreadingHTTPServer):
    """The provider.

    Attributes
    ----------
    person : dict
        Claims of whoever logs in next, such as ``email``.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.person: dict[str, Any] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.codes: dict[str, Mapping[str, str]] = {}  # code -> what was asked with it

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        place = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(place.query).items()}
        address = self.server.address
        if place.path == "/.well-known/openid-configuration":
            self._send(
                {
                    "issuer": address,
                    "authorization_endpoint": f"{address}/authorize",
                    "token_endpoint": f"{address}/token",
                    "jwks_uri": f"{address}/keys",
                    "response_types_supported": ["code"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }
            )
        elif place.path == "/keys":
            self._send({"keys": [self.server.key.as_dict(private=False)]})
        elif place.path == "/authorize" and asked.get("client_id") == CLIENT:
            code = secrets.token_hex(8)
            self.server.codes[code] = asked
            self.send_response(302)
            self.send_header(
                "Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            )
            self.end_headers()
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = self.server.codes.pop(form.get("code", [""])[0], None)
        if asked is None:
            self.send_error(400)
            return
        now = int(time.time())
        claims = {"iss": self.server.address, "aud": CLIENT, "sub": "1", "iat": now, "exp": now + 600}
        claims |= {"nonce": asked.get("nonce", "")} | self.server.person
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.server.key)
        self._send({"access_token": "x", "token_type": "Bearer", "expires_in": 600, "id_token": token})

    def _send(self, content: Mapping[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def providing() -> Iterator[Provider]:
    """Run a provider."""
    provider = Provider()
    thread = threading.Thread(target=provider.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.shutdown()
        provider.server_close()
        thread.join()
