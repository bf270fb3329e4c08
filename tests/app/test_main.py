"""python -m app from outside: ports, addresses, and that nothing is left when it ends."""

import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from app.__main__ import address, free_port, main, parse
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder
from tests.conftest import free_port as any_port
from tests.conftest import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def started(tmp_path: Path, *arguments: str, photo: bool = False) -> subprocess.Popen[str]:
    """The app as a process, in another folder, once it says that it is ready."""
    command = [sys.executable, "-m", "app", "--runs", str(tmp_path / "runs"), *arguments]
    command += [] if photo else ["--no-photo"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        command, cwd=tmp_path, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def read_until(process: subprocess.Popen[str], last: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if lines[-1].startswith(last):
            break
    return lines


def test_it_serves_from_any_folder_and_stops_on_a_signal(tmp_path, taken):
    RunFolder.create(tmp_path / "runs", "mine", "{}").write_status(state="finished")
    with started(tmp_path, "--port", str(taken), "--run", "mine") as process:
        lines = read_until(process, "press Ctrl-C")
        children = psutil.Process(process.pid).children(recursive=True)
        assert lines[0].startswith(f"port {taken} is taken; using ")
        page = lines[1].removeprefix("dashboard: ")
        assert page.endswith("?run=mine") and f":{taken}/" not in page
        with urllib.request.urlopen(page.replace("?run=mine", "/_stcore/health")) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None and process.stderr.read() == ""
    assert children and not any(child.is_running() for child in children)


def test_the_photo_app_starts_beside_the_dashboard_and_ends_with_it(tmp_path, taken):
    with started(tmp_path, "--port", str(taken), photo=True) as process:
        addresses = [line.split(": ")[1] for line in read_until(process, "press Ctrl-C") if ": http" in line]
        for url in addresses:
            assert status_of(url) == status_of(url, Origin=url) == 200
            assert status_of(url, Host="evil.example") == status_of(url, Origin="http://evil.example") == 403
        with urllib.request.urlopen(addresses[1]) as answer:  # the photo app, which the dashboard may frame
            assert f":{urlsplit(addresses[0]).port} " in answer.headers["Content-Security-Policy"]
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    assert len(children) >= 2 and not any(child.is_running() for child in children)


def test_it_ends_when_the_dashboard_ends(tmp_path, taken):
    with started(tmp_path, "--port", str(taken)) as process:
        read_until(process, "press Ctrl-C")
        (child,) = psutil.Process(process.pid).children()
        child.kill()
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert process.stderr.read() == (
            "error: the dashboard ended by itself (exit code -9), so all is stopped; see above for why\n"
        )


SERVES_WITH_A_JOB = """
import subprocess, sys
from app import serve
from app.launch import jobs
jobs.spawn = lambda words, **_: subprocess.Popen(["sleep", "600"])
jobs.Job.start(lambda out: [])
sys.exit(serve.main())
"""


def test_nothing_is_left_of_what_pages_had_begun(tmp_path):
    port = str(any_port())
    command = [sys.executable, "-c", SERVES_WITH_A_JOB, "--port", port]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "HRS_RUNS": str(tmp_path / "runs")}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/_stcore/health"))
        (job,) = psutil.Process(process.pid).children()
        process.terminate()
        assert process.wait(20) == 0
    assert not job.is_running() and not list(tmp_path.glob("hrs-job-*"))


def answers(url: str) -> bool:
    try:
        return status_of(url) == 200
    except urllib.error.URLError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of other systems does not end children")
def test_nothing_is_left_when_it_is_killed(tmp_path, taken):
    with started(tmp_path, "--port", str(taken)) as process:
        read_until(process, "press Ctrl-C")
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait(10)
    _, alive = psutil.wait_procs(children, timeout=20)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]


def test_a_run_that_is_not_there(tmp_path, capsys):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    try:
        assert main(["--runs", str(tmp_path), "--run", "nobody"]) == 1
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGTERM, before[1])
    assert "error: no run named 'nobody'" in capsys.readouterr().err


def test_two_that_look_for_a_port_at_once_get_one_each(taken):
    barrier, found = threading.Barrier(8), []

    def look() -> None:
        barrier.wait()
        with free_port("127.0.0.1", taken) as port:
            found.append(port)
            barrier.wait()

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 8


@pytest.mark.parametrize("module", ["app", "app.photo"])
def test_listening_elsewhere_without_a_password_starts_nothing(tmp_path, monkeypatch, module):
    monkeypatch.delenv("HRS_PASSWORD", raising=False)
    command = [sys.executable, "-m", module, "--host", "0.0.0.0", "--runs", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: --host 0.0.0.0 can be reached from elsewhere")


def status_of(url: str, **headers: str) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_ports_and_addresses(taken):
    with free_port("127.0.0.1", taken) as port, free_port("127.0.0.1", taken) as next_port:
        assert taken < port < next_port  # though nobody listens on it yet
    with pytest.raises(HRSError, match=r"--host 192\.0\.2\.1 is not an address"), free_port("192.0.2.1", 8501):
        pass
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::1", 80) == "http://[::1]:80"


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_a_port_that_is_none(port, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--port", port])
    assert ended.value.code == 2 and "--port" in capsys.readouterr().err
