"""python -m app: the dashboard and the photo app, started together, watched, and stopped together."""

from __future__ import annotations

import argparse
import ctypes
import errno
import fcntl
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import quote

from app.environment import GUARD_VARIABLE, ON_VARIABLE, PHOTO_VARIABLE, RUNS_VARIABLE
from app.guard import (
    NOT_ENCRYPTED,
    Policy,
    add_access,
    is_loopback,
    policy_for,
    read_password,
    without_password,
)
from hrs.errors import HRSError
from hrs.runs.registry import find_run
from hrs.system.cache import cache_root
from hrs.system.files import make_folder

HERE = Path(__file__).resolve().parent
START_SECONDS = 180.0
_STOP_SECONDS = 10.0
_PAUSE = 0.2  # seconds between two looks at the servers
_PORTS = 100  # that are tried from the wanted one on
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux


@dataclass(frozen=True, kw_only=True)
class Server:
    """A process that serves pages. health: an address that answers once it is ready."""

    name: str
    process: subprocess.Popen[bytes]
    health: str

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.health, timeout=2):
                return True
        except urllib.error.HTTPError as error:
            return error.code == HTTPStatus.UNAUTHORIZED  # it is there, and asks for the password
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        """End it and what it started for its pages. Training runs have sessions of their own and go on."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(_STOP_SECONDS)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes (exit code 0) or a server ends by itself (1)."""
    options = parse(arguments)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(options, stop)
    except HRSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app", description="The dashboard of hrs in the browser.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine alone)")
    parser.add_argument("--port", type=int, default=8501, help="first port to try (default: 8501)")
    add_access(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="folder of all runs (default: runs)")
    parser.add_argument("--run", help="name of a run to open")
    parser.add_argument(
        "--on",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="a Ray cluster that Launch offers beside this machine: HOST:PORT, or auto; may be given again",
    )
    parser.add_argument("--no-photo", action="store_true", help="the dashboard alone, without the photo app")
    options = parser.parse_args(arguments)
    if not 1 <= options.port <= 65535:
        parser.error(f"--port {options.port}; expected 1 to 65535")
    return options


def serve(options: argparse.Namespace, stop: threading.Event) -> None:
    """Start the servers, say where they are, and watch them until ``stop`` is set.

    Raises:
        HRSError: no free port, a run that is not there, or a server that did not start or ended.
    """
    password = read_password(options.password_file)
    policy = policy_for(options.host, options.allow_host, password)
    query = f"?run={quote(find_run(options.runs, options.run, shipped=True).name)}" if options.run else ""
    with_photo = not options.no_photo and importlib.util.find_spec("app.photo") is not None
    with ExitStack() as stack:
        port = stack.enter_context(free_port(options.host, options.port))
        if port != options.port:
            print(f"port {options.port} is taken; using {port}")
        photo_port = stack.enter_context(free_port(options.host, port + 1)) if with_photo else None
        servers = stack.enter_context(started(options, policy, port, photo_port))
        for server in servers:
            if not wait_ready(server, servers, stop):
                return
            print(f"{server.name}: {address(options.host, port) + query if server is servers[0] else server.health}")
        if not is_loopback(options.host):
            print(NOT_ENCRYPTED, file=sys.stderr)
        print(f"runs: {options.runs.resolve()}\npress Ctrl-C to stop", flush=True)
        while not stop.wait(_PAUSE):
            check_alive(servers)


@contextmanager
def started(options: argparse.Namespace, policy: Policy, port: int, photo_port: int | None) -> Iterator[list[Server]]:
    """The dashboard and, where it has a port, the photo app; they end with the block."""
    runs, servers = str(options.runs.resolve()), list[Server]()
    environment = {RUNS_VARIABLE: runs, GUARD_VARIABLE: policy.to_json()}
    environment |= {ON_VARIABLE: ",".join(options.on)} if options.on else {}
    try:
        if photo_port is not None:
            photo = address(options.host, photo_port)
            command = ["-m", "app.photo", "--host", options.host, "--port", str(photo_port), "--runs", runs]
            framed = {**environment, GUARD_VARIABLE: replace(policy, framed_by=port).to_json()}
            servers.append(Server(name="photo app", process=spawn(command, framed), health=photo))
            environment[PHOTO_VARIABLE] = photo
        health = address(options.host, port) + "/_stcore/health"
        process = spawn(["-m", "app.serve", "--host", options.host, "--port", str(port)], environment)
        servers.insert(0, Server(name="dashboard", process=process, health=health))
        yield servers
    finally:
        for server in servers:
            server.stop()


def spawn(command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """A Python process in a group of its own, so that Ctrl-C reaches it only through us; its errors are shown here."""
    paths = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, *command],
        env={**without_password(), **environment, "PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,
    )


def _end_with_parent() -> None:
    """Have the kernel end this process when the one that started it is killed and cannot."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def wait_ready(server: Server, servers: Sequence[Server], stop: threading.Event) -> bool:
    """Wait until a server answers; False if ``stop`` was set. Raises HRSError if one ended or never answers."""
    deadline = time.monotonic() + START_SECONDS
    while not server.ready():
        check_alive(servers)
        if time.monotonic() > deadline:
            raise HRSError(f"the {server.name} did not answer within {START_SECONDS:.0f} seconds")
        if stop.wait(_PAUSE):
            return False
    return not stop.is_set()


def check_alive(servers: Sequence[Server]) -> None:
    """Raises HRSError where a server has ended."""
    for server in servers:
        code = server.process.poll()
        if code is not None:
            raise HRSError(
                f"the {server.name} ended by itself (exit code {code}), so all is stopped; see above for why"
            )


@contextmanager
def free_port(host: str, first: int) -> Iterator[int]:
    """The first port from ``first`` on that nobody listens on; within the block no other dashboard of this user takes
    it, though nobody may listen on it yet. Raises HRSError where there is none, or no such host."""
    folder = cache_root() / "ports"
    make_folder(folder)
    for port in range(first, min(first + _PORTS, 65536)):
        with open(folder / str(port), "wb") as mark:
            if not (_locks(mark) and _is_free(host, port)):
                continue
            yield port
            return
    raise HRSError(f"no free port from {first} on; name another one with --port")


def _locks(mark: IO[bytes]) -> bool:
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise HRSError(f"--host {host} is not an address of this machine ({error.strerror})") from error
        return True


def address(host: str, port: int) -> str:
    """Where a browser on this machine finds a server."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


if __name__ == "__main__":
    sys.exit(main())
