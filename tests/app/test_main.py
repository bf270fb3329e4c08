"""python -m app from outside: ports, addresses, and that nothing is left when it ends."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.__main__ import address, free_port, main, parse
from hrs.errors import HRSError
from hrs.runs.folder import RunFolder

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
        _, _, photo, *_ = read_until(process, "press Ctrl-C")
        with urllib.request.urlopen(photo.removeprefix("photo app: ")) as answer:
            assert answer.status == 200
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


def test_ports_and_addresses(taken):
    assert free_port("127.0.0.1", taken) > taken
    with pytest.raises(HRSError, match=r"--host 192\.0\.2\.1 is not an address of this machine"):
        free_port("192.0.2.1", 8501)
    assert address("0.0.0.0", 80) == "http://127.0.0.1:80"
    assert address("::1", 80) == "http://[::1]:80"


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_a_port_that_is_none(port, capsys):
    with pytest.raises(SystemExit) as ended:
        parse(["--port", port])
    assert ended.value.code == 2 and "--port" in capsys.readouterr().err
