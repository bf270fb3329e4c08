"""Which process it is, and whether it still runs."""

import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from hrs.system.processes import interrupting, process_alive, process_identity


def test_identity_is_of_this_process_unless_another_is_named():
    own = process_identity()
    assert own["pid"] == os.getpid() and own["host"] == socket.gethostname()
    assert process_alive(own["pid"], own["pid_started"], own["boot"])
    other = process_identity(os.getppid())
    assert other["pid"] == os.getppid() and other["pid_started"] <= own["pid_started"]


def test_a_number_that_another_process_got_meanwhile_is_not_the_process():
    own = process_identity()
    assert not process_alive(own["pid"], own["pid_started"] + 0.01, own["boot"])
    assert not process_alive(own["pid"], own["pid_started"], "another start of the machine")
    assert process_alive(own["pid"], None)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell the time of day alone")
@pytest.mark.parametrize("step", [-86400, 3600])
def test_a_clock_that_is_set_moves_no_process(step, monkeypatch):
    """The kernel's boot time, from which creation times are reckoned, moves with the clock."""
    before = process_identity()
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: 1.7e9 + step)
    monkeypatch.setattr(time, "time", lambda: 1.7e9 + step)
    assert process_identity() == before
    assert process_alive(before["pid"], before["pid_started"], before["boot"])


def test_what_an_earlier_version_wrote_down_is_judged_by_the_clock():
    started = psutil.Process().create_time()
    assert process_alive(os.getpid(), started) and process_alive(os.getpid(), started + 1)
    assert not process_alive(os.getpid(), started - 1000)


def test_an_ended_child_that_nobody_collected_does_not_run():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        own = process_identity(child.pid)
        deadline = time.monotonic() + 30
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert psutil.pid_exists(child.pid) and not process_alive(child.pid, own["pid_started"], own["boot"])
    assert not process_alive(child.pid, own["pid_started"], own["boot"])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_interrupts_unless_it_is_ignored(number):
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), interrupting():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_DFL
        if number != signal.SIGTERM:  # as a shell has Ctrl-C, and nohup a closed terminal
            signal.signal(number, signal.SIG_IGN)
            with interrupting():
                os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)


def test_numbers_that_no_process_can_have():
    assert not process_alive(-1, None) and not process_alive(1 << 70, None)
