"""Who may talk to a server of this project: middleware that stands before the dashboard and before the photo app.

A browser lets any page send requests to 127.0.0.1, and a name of a stranger's domain may resolve to it. So a request is
answered only if it names a host that this server was started for, comes from no page of another origin, and, where the
server can be reached from elsewhere, brings the password or a session that it was given for.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import binascii
import hashlib
import hmac
import html
import ipaddress
import json
import os
import secrets
import time
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.environment import GUARD_VARIABLE, PASSWORD_VARIABLE
from hrs.errors import HRSError
from hrs.system.documents import read_bounded

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
LOGIN = "/hrs-login"

NOT_ENCRYPTED = (
    "what goes over the network is not encrypted, the password neither: outside of a network that you trust, listen on "
    "127.0.0.1 and put a TLS proxy before it (docs/SECURITY.md shows how)"
)

_SESSION_SECONDS = 12 * 3600
_MOST_FORM = 4096  # bytes of a login
_MOST_CLIENTS = 4096  # whose wrong tries are remembered
_FREE_TRIES = 3  # wrong ones, before each next one has to wait
_LONGEST_WAIT = 300.0  # seconds
_WAITS_AT_LEAST = 1.0


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a server lets in.

    hosts: names and addresses that requests may call it by, beside those of this machine itself.
    everywhere: it listens on every address of the machine, whose numbers may be called too.
    password: asked for unless empty.
    key: signs sessions; servers that share it share them.
    framed_by: port of the server whose pages may show this one's in a frame; None for no other than its own.
    """

    hosts: tuple[str, ...] = ()
    everywhere: bool = False
    password: str = field(default="", repr=False)
    key: str = field(default_factory=lambda: secrets.token_hex(32), repr=False)
    framed_by: int | None = None

    def to_json(self) -> str:
        return json.dumps(self.__dict__)

    @classmethod
    def take(cls, environment: MutableMapping[str, str] = os.environ) -> Policy | None:
        """The policy that the environment holds, which is taken out of it: what the server starts need not know."""
        stored = environment.pop(GUARD_VARIABLE, None)
        if stored is None:
            return None
        values: dict[str, Any] = json.loads(stored)
        return cls(**{**values, "hosts": tuple(values["hosts"])})


def add_access(parser: argparse.ArgumentParser) -> None:
    """The options that say who may come in. A password is no argument: every user of a machine sees those."""
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name that browsers call it by, too"
    )
    parser.add_argument(
        "--password-file", type=Path, help=f"file whose first line is the password (or set {PASSWORD_VARIABLE})"
    )


def read_password(file: Path | None) -> str:
    """The password from a file, else from the environment; empty where neither has one.

    Raises:
        HRSError: the file cannot be read, is empty, or others may read it.
    """
    if file is None:
        return os.environ.get(PASSWORD_VARIABLE, "")
    try:
        text = read_bounded(file, _MOST_FORM).decode("utf-8")
        mode = file.stat().st_mode
    except FileNotFoundError as error:
        raise HRSError(f"--password-file {file} does not exist; write the password into it") from error
    except UnicodeDecodeError as error:
        raise HRSError(f"--password-file {file} holds no text; write the password into it") from error
    password = text.partition("\n")[0].strip()
    if not password:
        raise HRSError(f"--password-file {file} is empty; write the password into its first line")
    if mode & 0o077:
        raise HRSError(f"--password-file {file} can be read by others; close it to them: chmod 600 {file}")
    return password


def without_password() -> dict[str, str]:
    """This process's environment for those that it starts, which need not know the password."""
    return {name: value for name, value in os.environ.items() if name != PASSWORD_VARIABLE}


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def policy_for(host: str, allowed: Sequence[str], password: str, framed_by: int | None = None) -> Policy:
    """What a server that listens on ``host`` lets in, which may be called by the names ``allowed`` too.

    Raises:
        HRSError: it can be reached from elsewhere, and there is no password.
    """
    if not is_loopback(host) and not password:
        raise HRSError(
            f"--host {host} can be reached from elsewhere, and whoever reaches it can start and delete runs; set a "
            f"password in the environment variable {PASSWORD_VARIABLE} or name a file with --password-file"
        )
    everywhere = host in ("0.0.0.0", "::", "")
    names = [name.lower().strip("[]") for name in (*(() if everywhere else (host,)), *allowed)]
    return Policy(hosts=tuple(names), everywhere=everywhere, password=password, framed_by=framed_by)


class Guard:
    """Middleware of a server. See `Policy` for what it lets in; ``open_paths`` need no password."""

    def __init__(self, app: ASGIApp, policy: Policy, open_paths: frozenset[str] = frozenset()) -> None:
        self.app, self.policy, self.open_paths = app, policy, open_paths
        self.tries = Tries()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refused = self._refused(scope, headers)
        if refused is None and self.policy.password and scope["path"] not in self.open_paths:
            refused = await self._asked(scope, headers, receive)
        if refused is None:
            await self.app(_trusted(scope), receive, self._sealed(headers, send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "not allowed"})
        else:
            await refused(scope, receive, self._sealed(headers, send))

    # Host and origin

    def _refused(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or not self._is_ours(name_of(host), scope):
            return PlainTextResponse(
                "This server is not called by that name; to allow it, start it with --allow-host NAME.", 403
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit_netloc(origin) != host.lower():
            return PlainTextResponse("A page of another origin may not use this server.", 403)
        # Without an Origin a page can still have a browser fetch: as an image, a script, by a form of method GET.
        site, mode = headers.get("sec-fetch-site", "none"), headers.get("sec-fetch-mode", "navigate")
        if site in ("cross-site", "same-site") and (mode != "navigate" or scope.get("method") not in ("GET", "HEAD")):
            return PlainTextResponse("A page of another origin may not use this server.", 403)
        return None

    def _is_ours(self, name: str, scope: Scope) -> bool:
        if name in LOOPBACK or name in self.policy.hosts:
            return True
        # No name of a domain is an address, so what a browser was led to by a name does not pass here.
        return self.policy.everywhere and name == (scope.get("server") or ("",))[0]

    # Password

    async def _asked(self, scope: Scope, headers: Headers, receive: Receive) -> Response | None:
        """None for who may pass, else the answer."""
        if self._has_session(headers):
            return None
        client = (scope.get("client") or ("",))[0]
        path, given = scope["path"], _basic(headers)
        if path == LOGIN and scope.get("method") == "POST":
            return await self._login(await _form(receive), client)
        if given is not None:
            wait = self.tries.wait(client)
            if not wait and self._is_right(given, client):
                return None
            return _too_soon(wait) if wait else _wrong()
        if scope["type"] == "http" and "text/html" in headers.get("accept", "") and scope["method"] == "GET":
            query = scope.get("query_string", b"").decode("latin-1")
            return _login_page(quote(path) + (f"?{query}" if query else ""), status=401)
        return _wrong()

    async def _login(self, form: Mapping[str, list[str]], client: str) -> Response:
        after = form.get("next", ["/"])[0]
        if not after.startswith("/") or after.startswith(("//", "/\\")):
            after = "/"
        wait = self.tries.wait(client)
        if wait:
            return _too_soon(wait)
        if not self._is_right(form.get("password", [""])[0], client):
            await asyncio.sleep(0.2)
            return _login_page(after, status=401, said="That is not the password.")
        response = RedirectResponse(after, 303)
        response.set_cookie(
            self._cookie, self._session(), max_age=_SESSION_SECONDS, httponly=True, samesite="lax", path="/"
        )
        return response

    def _is_right(self, given: str, client: str) -> bool:
        one, two = (hashlib.sha256(each.encode()).digest() for each in (given, self.policy.password))
        right = hmac.compare_digest(one, two)  # digests, so that not even the length tells in time
        self.tries.note(client, right)
        return right

    @property
    def _cookie(self) -> str:
        """Browsers share cookies among the ports of a machine: each pair of servers has a name of its own."""
        return f"hrs-session-{hashlib.sha256(self.policy.key.encode()).hexdigest()[:8]}"

    def _session(self) -> str:
        until = str(int(time.time()) + _SESSION_SECONDS)
        return f"{until}.{self._sign(until)}"

    def _sign(self, text: str) -> str:
        return hmac.new(self.policy.key.encode(), text.encode(), hashlib.sha256).hexdigest()

    def _has_session(self, headers: Headers) -> bool:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        until, _, signature = (jar[self._cookie].value if self._cookie in jar else "").partition(".")
        right = hmac.compare_digest(signature.encode(), self._sign(until).encode())
        return right and until.isdecimal() and int(until) > time.time()

    # What answers say

    def _sealed(self, request: Headers, send: Send) -> Send:
        """Adds to an answer who may frame it, and takes out what lets pages of other origins read it."""
        framers = "'self'"
        if self.policy.framed_by is not None:
            name = name_of(request.get("host", ""))
            shown = f"[{name}]" if ":" in name else name
            framers += f" http://{shown}:{self.policy.framed_by} https://{shown}"

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]
                headers["Content-Security-Policy"] = f"frame-ancestors {framers}"
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "same-origin"
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        return sealed


class Tries:
    """Wrong passwords by client: after a few, each next try has to wait twice as long."""

    def __init__(self) -> None:
        self._wrong: dict[str, tuple[int, float]] = {}

    def wait(self, client: str) -> float:
        """Seconds until this client may try again; 0 for now."""
        _, until = self._wrong.get(client, (0, 0.0))
        return max(0.0, until - time.monotonic())

    def note(self, client: str, right: bool) -> None:
        if right:
            self._wrong.pop(client, None)
            return
        count = self._wrong.pop(client, (0, 0.0))[0] + 1
        wait = min(_LONGEST_WAIT, _WAITS_AT_LEAST * 2.0 ** min(count - _FREE_TRIES, 16))
        self._wrong[client] = count, time.monotonic() + (wait if count >= _FREE_TRIES else 0.0)
        if len(self._wrong) > _MOST_CLIENTS:
            self._wrong.pop(next(iter(self._wrong)))


def name_of(host: str) -> str:
    """The name or address in a Host header, in small letters, without port and brackets; empty for what is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def urlsplit_netloc(origin: str) -> str:
    """Host and port of an Origin; empty for "null" and whatever else is no address."""
    try:
        found = urlsplit(origin)
    except ValueError:
        return ""
    return found.netloc.lower() if found.scheme in ("http", "https") else ""


def _trusted(scope: Scope) -> Scope:
    """Without the headers by which a client could tell the server another name than that which was checked."""
    kept = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-forwarded-host"]
    return {**scope, "headers": kept}


async def _form(receive: Receive) -> Mapping[str, list[str]]:
    body = b""
    while len(body) <= _MOST_FORM:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return parse_qs(body[:_MOST_FORM].decode("utf-8", errors="replace"))


def _basic(headers: Headers) -> str | None:
    """The password of HTTP's basic authentication, whatever the user is called."""
    kind, _, code = headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        return base64.b64decode(code, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _wrong() -> Response:
    return PlainTextResponse("A password is needed.", 401, {"WWW-Authenticate": 'Basic realm="HRS"'})


def _too_soon(wait: float) -> Response:
    seconds = int(wait) + 1
    text = f"Too many wrong passwords; try again in {seconds} seconds."
    return PlainTextResponse(text, 429, {"Retry-After": str(seconds)})


def _login_page(after: str, *, status: int, said: str = "") -> Response:
    return HTMLResponse(
        f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>HRS</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<style>body {{ font-family: system-ui, sans-serif; max-width: 20rem; margin: 20vh auto; padding: 0 1rem }}
input, button {{ font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; margin: .4rem 0 }}</style></head>
<body><h1>HRS</h1><form method="post" action="{LOGIN}"><label>Password
<input type="password" name="password" autocomplete="current-password" autofocus required></label>
<input type="hidden" name="next" value="{html.escape(after)}"><button>Enter</button></form>
<p role="alert">{html.escape(said)}</p></body></html>""",
        status,
    )
