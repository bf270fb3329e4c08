"""Which process it is, and whether it still runs."""

import os
import socket
import subprocess
import sys
import time

import psutil

from hrs.system.processes import process_alive, process_identity


def test_identity_is_of_this_process_unless_another_is_named():
    own = process_identity()
    assert own == {"pid": os.getpid(), "pid_started": psutil.Process().create_time(), "host": socket.gethostname()}
    assert process_identity(os.getppid())["pid"] == os.getppid()


def test_a_number_that_another_process_got_meanwhile_is_not_the_process():
    started = psutil.Process().create_time()
    assert process_alive(os.getpid(), started) and process_alive(os.getpid(), None)
    assert not process_alive(os.getpid(), started - 1000)


def test_a_clock_that_was_set_a_little_does_not_matter():
    assert process_alive(os.getpid(), psutil.Process().create_time() + 1)


def test_an_ended_child_that_nobody_collected_does_not_run():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        started = psutil.Process(child.pid).create_time()
        deadline = time.monotonic() + 30
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert psutil.pid_exists(child.pid) and not process_alive(child.pid, started)
    assert not process_alive(child.pid, started)


def test_numbers_that_no_process_can_have():
    assert not process_alive(-1, None) and not process_alive(1 << 70, None)
