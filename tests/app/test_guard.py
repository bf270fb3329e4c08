"""Who may talk to the servers: names, origins, passwords, and what answers say."""

import asyncio
import base64
import html
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from app import guard
from app.guard import LOGIN, Guard, Policy, Tries, is_loopback, policy_for, read_password
from app.photo.shell import BoundUploads, RefuseFetching
from hrs.errors import HRSError

HERE = "http://127.0.0.1:8501"


async def secret(request):
    return PlainTextResponse("secret", headers={"Access-Control-Allow-Origin": "*"})


async def count(request):
    return PlainTextResponse(str(len(await request.body())))


async def talk(websocket):
    await websocket.accept()
    await websocket.send_text("secret")
    await websocket.close()


ROUTES = [
    Route("/", secret, methods=["GET", "POST"]),
    Route("/count", count, methods=["POST"]),
    WebSocketRoute("/ws", talk),
]


def client(policy: Policy | None = None, base: str = HERE, who: str = "10.0.0.1") -> TestClient:
    app = Starlette(routes=ROUTES, middleware=[Middleware(Guard, policy=policy or Policy())])
    return TestClient(app, base_url=base, follow_redirects=False, client=(who, 1))


# Host and origin


@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8501", "LOCALHOST", "[::1]:8501"])
def test_this_machine_may_be_called_by_its_own_names(host):
    assert client().get("/", headers={"host": host}).text == "secret"


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8501",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "192.168.1.5",
        "",
        "[::",
        "a b",
    ],
)
def test_a_name_that_resolves_here_is_not_enough(host):
    answer = client().get("/", headers={"host": host})
    assert answer.status_code == 403 and "secret" not in answer.text
    with pytest.raises(WebSocketDisconnect), client().websocket_connect("/ws", headers={"host": host}):
        pass


def test_names_that_are_allowed_when_it_starts():
    policy = policy_for("box.lan", ["Proxy.example"], "pw")
    assert client(Policy(hosts=policy.hosts)).get("/", headers={"host": "proxy.example"}).text == "secret"
    assert client(Policy(hosts=policy.hosts)).get("/", headers={"host": "box.lan:8501"}).text == "secret"
    everywhere = Policy(everywhere=policy_for("0.0.0.0", [], "pw").everywhere)
    assert client(everywhere, "http://192.168.1.5:8501").get("/").text == "secret"  # the address it was reached by
    assert client(everywhere, "http://192.168.1.5:8501").get("/", headers={"host": "evil.example"}).status_code == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://127.0.0.1:9999", "http://localhost:8501", "null", "file://", "http://[x"]
)
def test_pages_of_other_origins_may_neither_post_nor_open_a_websocket(origin):
    assert client().post("/", headers={"origin": origin}).status_code == 403
    with (
        pytest.raises(WebSocketDisconnect),
        client().websocket_connect("/ws", headers={"host": "127.0.0.1:8501", "origin": origin}),
    ):
        pass


def test_its_own_pages_may():
    assert client().post("/", headers={"origin": HERE}).text == "secret"
    with client().websocket_connect("/ws", headers={"host": "127.0.0.1:8501", "origin": HERE}) as socket:
        assert socket.receive_text() == "secret"
    proxied = client(Policy(hosts=("hrs.example",)), "http://hrs.example")  # TLS ends at the proxy
    assert proxied.post("/", headers={"origin": "https://hrs.example"}).text == "secret"


@pytest.mark.parametrize(
    ("site", "mode", "status"),
    [
        ("cross-site", "no-cors", 403),
        ("same-site", "cors", 403),
        ("cross-site", "navigate", 200),
        ("same-origin", "cors", 200),
    ],
)
def test_a_browser_says_who_wants_a_picture_or_a_script(site, mode, status):
    assert client().get("/", headers={"sec-fetch-site": site, "sec-fetch-mode": mode}).status_code == status


def test_no_answer_may_be_read_or_framed_by_strangers():
    for path, host in (("/", "127.0.0.1"), ("/", "evil.example")):
        headers = client().get(path, headers={"host": host}).headers
        assert headers["content-security-policy"] == "frame-ancestors 'self'"
        assert not any(name.startswith("access-control-") for name in headers)
    framed = client(Policy(framed_by=8501)).get("/", headers={"host": "localhost:8502"})
    assert framed.headers["content-security-policy"] == (
        "frame-ancestors 'self' http://localhost:8501 https://localhost"
    )


# Passwords

LOCKED = Policy(password="open sesame", key="k")


def test_without_a_session_there_is_a_form_for_people_and_a_401_for_programs():
    page = client(LOCKED).get("/?run=a", headers={"accept": "text/html"})
    assert page.status_code == 401 and 'type="password"' in page.text and "secret" not in page.text
    program = client(LOCKED).get("/")
    assert program.status_code == 401 and program.headers["www-authenticate"].startswith("Basic")
    with (
        pytest.raises(WebSocketDisconnect),
        client(LOCKED).websocket_connect("/ws", headers={"host": "127.0.0.1:8501"}),
    ):
        pass


def test_a_path_that_the_server_itself_asks_for_is_open():
    app = Starlette(routes=ROUTES, middleware=[Middleware(Guard, policy=LOCKED, open_paths=frozenset({"/"}))])
    assert TestClient(app, base_url=HERE).get("/").text == "secret"
    assert TestClient(app, base_url=HERE).post("/count").status_code == 401


def test_the_password_opens_a_session_that_the_other_server_knows():
    browser = client(LOCKED)
    answer = browser.post(LOGIN, data={"password": "open sesame", "next": "/runs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/runs")
    assert "httponly" in answer.headers["set-cookie"].lower() and "samesite=lax" in answer.headers["set-cookie"].lower()
    assert browser.get("/").text == "secret"
    (name, value), *_ = browser.cookies.items()
    other = client(Policy(password="open sesame", key="k"), "http://127.0.0.1:8502")
    assert other.get("/", headers={"cookie": f"{name}={value}"}).text == "secret"
    stranger = client(Policy(password="open sesame", key="another"))
    assert stranger.get("/", headers={"cookie": f"{name}={value}"}).status_code == 401


@pytest.mark.parametrize("cookie", ["", "9999999999.", "9999999999.00", "x.y", "1.2.3", "\u00e9"])
def test_no_session_can_be_made_up(cookie):
    name = Guard(None, LOCKED)._cookie
    sent = f"{name}={cookie}".encode("latin-1")
    assert client(LOCKED).get("/", headers=[(b"cookie", sent)]).status_code == 401


def test_a_session_ends(monkeypatch):
    browser = client(LOCKED)
    browser.post(LOGIN, data={"password": "open sesame"})
    (name, value), *_ = browser.cookies.items()
    now = guard.time.time()
    monkeypatch.setattr(guard.time, "time", lambda: now + guard._SESSION_SECONDS + 1)
    assert client(LOCKED).get("/", headers={"cookie": f"{name}={value}"}).status_code == 401


@pytest.mark.parametrize("after", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_a_login_leads_nowhere_else(after):
    answer = client(LOCKED).post(LOGIN, data={"password": "open sesame", "next": after})
    assert answer.headers["location"] == "/"


def test_a_link_keeps_its_query_through_the_login():
    page = client(LOCKED).get("/weights?run=a%20b&frame=1", headers={"accept": "text/html"})
    asked = re.search(r'name="next" value="([^"]*)"', page.text)
    assert asked is not None
    after = html.unescape(asked[1])
    assert after == "/weights?run=a%20b&frame=1"
    again = client(LOCKED).post(LOGIN, data={"password": "wrong", "next": after})
    assert f'value="{html.escape(after)}"' in again.text
    assert client(LOCKED).post(LOGIN, data={"password": "open sesame", "next": after}).headers["location"] == after


def test_programs_send_the_password_with_each_request():
    def basic(password: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}

    assert client(LOCKED).get("/", headers=basic("open sesame")).text == "secret"
    assert client(LOCKED).get("/", headers=basic("open")).status_code == 401
    assert client(LOCKED).get("/", headers={"authorization": "Basic ???"}).status_code == 401


def test_wrong_tries_slow_down_that_client_alone():
    app = Starlette(routes=ROUTES, middleware=[Middleware(Guard, policy=LOCKED)])
    slow = TestClient(app, base_url=HERE, follow_redirects=False, client=("10.0.0.1", 1))
    codes = [slow.post(LOGIN, data={"password": "guess"}).status_code for _ in range(4)]
    assert codes == [401, 401, 401, 429]
    assert slow.post(LOGIN, data={"password": "open sesame"}).status_code == 429  # not even looked at
    other = TestClient(app, base_url=HERE, follow_redirects=False, client=("10.0.0.2", 1))
    assert other.post(LOGIN, data={"password": "open sesame"}).status_code == 303


def test_waits_double_and_clients_are_forgotten_in_order(monkeypatch):
    monkeypatch.setattr(guard, "_MOST_CLIENTS", 2)
    monkeypatch.setattr(guard.time, "monotonic", lambda: 0.0)
    tries = Tries()
    waits = []
    for _ in range(6):
        tries.note("a", False)
        waits.append(tries.wait("a"))
    assert waits == [0, 0, 1, 2, 4, 8]
    tries.note("b", False)
    tries.note("c", False)
    assert tries.wait("a") == 0


def test_listening_elsewhere_asks_for_a_password():
    with pytest.raises(
        HRSError, match=r"--host 0\.0\.0\.0 can be reached from elsewhere.*HRS_PASSWORD.*--password-file"
    ):
        policy_for("0.0.0.0", [], "")
    assert policy_for("127.0.0.1", [], "").password == ""
    assert is_loopback("localhost") and is_loopback("127.1.2.3") and is_loopback("::1") and not is_loopback("box.lan")


def test_a_password_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("HRS_PASSWORD", "from outside")
    assert read_password(None) == "from outside"
    file = tmp_path / "password"
    with pytest.raises(HRSError, match="does not exist"):
        read_password(file)
    file.write_text(" from a file \nmore")
    file.chmod(0o644)
    with pytest.raises(HRSError, match=r"can be read by others.*chmod 600"):
        read_password(file)
    file.chmod(0o600)
    assert read_password(file) == "from a file"
    file.write_text("\n")
    with pytest.raises(HRSError, match="is empty"):
        read_password(file)


def test_a_policy_is_handed_over_once_and_never_shown():
    environment = {"HRS_GUARD": LOCKED.to_json()}
    assert Policy.take(environment) == LOCKED and environment == {}
    assert Policy.take(environment) is None
    assert "sesame" not in repr(LOCKED) and "key" not in repr(LOCKED)


# Uploads


def uploads(folder, **bounds) -> TestClient:
    bounded = Middleware(BoundUploads, folder=folder, **{"keep": 3600} | bounds)
    app = Starlette(routes=ROUTES, middleware=[bounded])
    return TestClient(app, base_url=HERE)


def test_a_request_and_what_is_kept_have_an_end(tmp_path):
    (tmp_path / "kept").write_bytes(b"x" * 60)
    assert uploads(tmp_path, most=100, at_once=30).post("/count", content=b"x" * 30).text == "30"
    assert uploads(tmp_path, most=100, at_once=30).post("/count", content=b"x" * 31).status_code == 413
    assert uploads(tmp_path, most=100, at_once=90).post("/count", content=b"x" * 40).text == "40"
    assert uploads(tmp_path, most=100, at_once=90).post("/count", content=b"x" * 41).status_code == 413
    assert uploads(tmp_path, most=60).post("/count", content=b"").status_code == 413
    assert uploads(tmp_path, most=60).get("/").text == "secret"


def test_what_comes_without_a_length_is_refused(tmp_path):
    """It would hold all the room there is, for as long as it likes."""
    assert uploads(tmp_path, most=100).post("/count", content=(b"x" for _ in range(4))).status_code == 411


def test_what_is_longer_than_it_says_is_stopped(tmp_path):
    answer = uploads(tmp_path, most=100).post("/count", content=b"x" * 4, headers={"content-length": "3"})
    assert answer.status_code == 413


def test_what_uploads_left_behind_makes_room(tmp_path):
    """What was broken off, or came under a name that Gradio does not look for; and results that nobody fetched."""
    for name in ("tmp1", "tmp2/segmented.zip", "tmp3/segmented.zip", "5d41402a/example.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * 30)
    for name in ("tmp2/segmented.zip", "5d41402a/example.jpg"):
        os.utime(tmp_path / name, (0, time.time() - 3601))
    assert uploads(tmp_path, most=120).post("/count", content=b"x" * 60).text == "60"
    assert {path.parent.name for path in tmp_path.glob("*/*")} == {"tmp3", "5d41402a"}


def run_apart(work):
    """What comes of it, in a thread of its own: browsers that other tests drive leave a running loop in this one."""
    with ThreadPoolExecutor(1) as own:
        return own.submit(asyncio.run, work).result()


def test_an_upload_that_is_coming_is_not_what_another_left_behind(tmp_path):
    begun, left = asyncio.Event(), tmp_path / "tmp1"

    async def app(scope, receive, send):
        if scope["path"] == "/first":
            left.write_bytes(b"x")
            await asyncio.wait_for(begun.wait(), 5)
        await PlainTextResponse("kept")(scope, receive, send)

    bounded = BoundUploads(app, folder=tmp_path, most=100, keep=3600)

    async def both():
        first = asyncio.create_task(posted(bounded, "/first", b"x"))
        await asyncio.sleep(0)
        assert await posted(bounded, "/second", b"x") == 200 and left.exists()
        begun.set()
        await first
        assert await posted(bounded, "/third", b"x") == 200 and not left.exists()

    run_apart(both())


def test_who_falls_silent_gives_room_to_others(tmp_path):
    async def app(scope, receive, send):
        await receive()

    bounded = BoundUploads(app, folder=tmp_path, most=100, keep=3600, patience=0.01)
    assert run_apart(asyncio.wait_for(posted(bounded, "/", b"x" * 60, asyncio.Event()), 5)) == 408
    assert bounded._coming == 0


async def posted(app, path: str, body: bytes, sent: asyncio.Event | None = None) -> int:
    """The status of a POST, whose body comes when ``sent`` is set."""
    answers = []

    async def receive():
        if sent:
            await sent.wait()
        return {"type": "http.request", "body": body}

    async def send(message):
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    headers = [(b"content-length", str(len(body)).encode())]
    await app({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    return answers[0]


def test_those_who_send_at_once_share_the_room(tmp_path):
    """Each is within the bound alone; together they are not."""
    begun, end = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        begun.set()
        await receive()
        await PlainTextResponse("kept")(scope, receive, send)

    bounded = BoundUploads(app, folder=tmp_path, most=100, at_once=60, keep=3600)

    async def both():
        first = asyncio.create_task(posted(bounded, "/", b"x" * 60, end))
        await begun.wait()
        assert await posted(bounded, "/", b"x" * 60) == 413
        end.set()
        assert await first == 200
        assert await posted(bounded, "/", b"x" * 60) == 200  # there is room again

    run_apart(both())


# Addresses


@pytest.mark.parametrize("route", ["/gradio_api/file=", "/gradio_api/file/", "/file=", "/gradio_api/file//"])
@pytest.mark.parametrize("target", ["https://example.com/a", "HTTP://example.com/a", "http:/example.com"])
def test_no_route_of_files_fetches_an_address(route, target):
    app = Starlette(routes=[Route("/{path:path}", secret)], middleware=[Middleware(RefuseFetching)])
    here = TestClient(app, base_url=HERE)
    assert here.get(route + target).status_code == 403
    assert here.get(f"{route}tmp/http/photo.png").text == "secret"
