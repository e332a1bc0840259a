"""A copy of a process, tried in processes of their own: pytest's has threads and much that nobody else may inherit."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone"),
]


def ran(program: str) -> list[str]:
    """What a program printed, line by line, that ended well."""
    head = "import os, pathlib, signal, socket, subprocess, sys\nfrom entrepot.forking import Forked, may_fork\n"
    ended = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(program)], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return [*ended.stdout.splitlines(), *ended.stderr.splitlines()]


def test_a_copy_ends_with_the_status_of_what_it_does_and_with_nothing_of_its_parents() -> None:
    found = ran(
        """
        import atexit
        atexit.register(print, "at the parent's end")
        def live():
            print("lives")
            return 7
        try:
            print(Forked("one", live, {}).wait())
        finally:
            print("unwound")
        """
    )
    assert found == ["lives", "7", "unwound", "at the parent's end"]


def test_an_error_ends_the_copy_alone() -> None:
    found = ran(
        """
        def live():
            raise ValueError("of the copy")
        print(Forked("one", live, {}).wait())
        """
    )
    assert found[0] == "1"
    assert found[-1] == "ValueError: of the copy"


def test_it_inherits_the_files_that_are_handed_to_it_and_no_others() -> None:
    found = ran(
        """
        ours, theirs = socket.socketpair()
        secret = open(os.devnull)
        def live():
            def is_open(number):
                try:
                    return bool(os.fstat(number))
                except OSError:
                    return False
            theirs.send(b"%d %d %d" % tuple(is_open(each.fileno()) for each in (theirs, ours, secret)))
            return 0
        child = Forked("one", live, {}, [theirs.fileno()])
        print(ours.recv(9).decode(), child.wait())
        """
    )
    assert found == ["1 0 0 0"]


def test_it_has_an_environment_a_name_a_session_and_no_input() -> None:
    found = ran(
        """
        os.environ["ONLY_HERE"] = "1"
        def live():
            print(sorted(os.environ), pathlib.Path("/proc/self/comm").read_text().strip())
            print(os.getsid(0) == os.getpid(), repr(sys.stdin.read()))
            return 0
        Forked("gateway-0", live, {"GIVEN": "x"}).wait()
        print(os.environ["ONLY_HERE"])
        """
    )
    assert found == ["['GIVEN'] gateway-0", "True ''", "1"]


def test_a_stop_that_comes_while_it_starts_waits_until_it_is_heard() -> None:
    found = ran(
        """
        signal.signal(signal.SIGTERM, lambda *_: print("heard by the parent's way"))
        ours, theirs = socket.socketpair()
        def live():
            theirs.recv(1)  # it has been sent by then
            print(signal.SIGTERM in signal.sigpending())
            sys.stdout.flush()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
            return 0
        child = Forked("one", live, {}, [theirs.fileno()])
        child.send_signal(signal.SIGTERM)
        ours.send(b".")
        print(child.wait(), child.poll())
        child.send_signal(signal.SIGTERM)
        """
    )
    assert found == ["True", "-15 -15"]


def test_who_waits_for_one_that_does_not_end_is_told_so_and_can_end_it() -> None:
    found = ran(
        """
        child = Forked("one", lambda: signal.pause() or 0, {})
        try:
            child.wait(0.01)
        except subprocess.TimeoutExpired:
            print(child.poll())
        child.kill()
        print(child.wait())
        """
    )
    assert found == ["None", "-9"]


def test_a_process_with_a_second_thread_is_not_copied() -> None:
    found = ran(
        """
        import threading
        go = threading.Event()
        print(may_fork())
        threading.Thread(target=go.wait).start()
        print(may_fork())
        go.set()
        """
    )
    assert found == ["True", "False"]
