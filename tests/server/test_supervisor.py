"""Keeping processes: real ones, that do nothing but end as they are told."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from entrepot.errors import Unavailable
from entrepot.server import supervisor
from entrepot.server.supervisor import (
    ALONE_MAX_S,
    GIVE_UP_AFTER,
    RESTART_MAX_S,
    RESTART_MIN_S,
    Child,
    Supervisor,
    watch_parent,
)

ENDS = "raise SystemExit({status})"
STAYS = "import time; time.sleep(60)"
STUBBORN_TO_LEAVE = (
    "import signal, time; signal.signal(signal.SIGHUP, signal.SIG_IGN); print(flush=True); time.sleep(60)"
)
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


def process(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE)


class Nursery:
    """Starts children of a program, and sees that none is left."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[bytes]] = []

    def child(self, program: str, role: str = "gateway", on_left: Callable[[], None] | None = None) -> Child:
        def start() -> subprocess.Popen[bytes]:
            self.started.append(process(program))
            return self.started[-1]

        return Child(role, start, on_left)

    def close(self) -> None:
        for one in self.started:
            one.kill()
            one.wait()
            if one.stdout is not None:
                one.stdout.close()


@pytest.fixture
def nursery(monkeypatch: pytest.MonkeyPatch) -> Iterator[Nursery]:
    monkeypatch.setattr(supervisor, "RESTART_MIN_S", 0.001)
    made = Nursery()
    yield made
    made.close()


def die(child: Child, now_s: float) -> float:
    """Let it be dead, be noticed, and be started again; how long that took from `now_s` on."""
    child.process.wait()
    child.check(now_s)
    assert child.due_s is not None
    pause_s = child.due_s - now_s
    child.check(child.due_s)
    return pause_s


def test_one_that_dies_young_is_started_later_each_time_and_not_later_than_the_longest_pause(
    nursery: Nursery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervisor, "RESTART_MIN_S", RESTART_MIN_S)
    child = nursery.child(ENDS.format(status=1))
    now_s = child.started_s
    pauses = []
    for _ in range(8):
        pauses.append(round(die(child, now_s), 6))  # a difference of clock readings
        now_s = child.started_s
    assert pauses == sorted(pauses)
    assert pauses[0] == pytest.approx(2 * RESTART_MIN_S)
    assert pauses[-1] == RESTART_MAX_S
    assert "the gateway process ended with status 1; it is started again in 0.4 s" in capsys.readouterr().err


def test_the_thousandth_early_death_is_no_harder_than_the_tenth(nursery: Nursery) -> None:
    child = nursery.child(ENDS.format(status=1))
    child.early_deaths = 5000
    assert die(child, child.started_s) == pytest.approx(0.001 * 2**10)


def test_one_that_dies_old_is_started_at_once(nursery: Nursery) -> None:
    child = nursery.child(ENDS.format(status=1))
    child.early_deaths = child.failed_starts = 2
    assert die(child, child.started_s + 3600) == pytest.approx(0.001)
    assert (child.early_deaths, child.failed_starts) == (0, 0)


def test_one_that_is_killed_could_have_started(nursery: Nursery, capsys: pytest.CaptureFixture[str]) -> None:
    child = nursery.child(STAYS)
    child.process.kill()
    die(child, child.started_s)
    assert (child.early_deaths, child.failed_starts) == (1, 0)
    assert "was killed by signal 9" in capsys.readouterr().err


def test_gateways_that_cannot_start_end_the_whole(nursery: Nursery) -> None:
    kept = Supervisor([nursery.child(ENDS.format(status=1)) for _ in range(2)], nursery.child(STAYS, "control"), 1)
    with pytest.raises(Unavailable, match=f"{GIVE_UP_AFTER} times in a row"):
        kept.watch(0.005)
    kept.stop()
    assert all(one.poll() is not None for one in nursery.started)


def test_one_gateway_that_can_start_keeps_the_whole_and_so_does_a_control_process_that_cannot(nursery: Nursery) -> None:
    broken = nursery.child(ENDS.format(status=1))
    control = nursery.child(ENDS.format(status=1), "control")
    kept = Supervisor([broken, nursery.child(STAYS)], control, 1)
    watching = threading.Thread(target=kept.watch, args=(0.005,))
    watching.start()
    while min(broken.failed_starts, control.failed_starts) <= GIVE_UP_AFTER:
        time.sleep(0.005)
    assert watching.is_alive()
    kept.request_stop()
    watching.join(10)
    assert not watching.is_alive()
    kept.stop()


INTERRUPTED = """
import signal
import subprocess
import sys

from entrepot.server.supervisor import Child, Supervisor

child = Child("gateway", lambda: subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"]))
for turn in range(3000):
    kept = Supervisor([child], child, 0)
    signal.signal(signal.SIGALRM, lambda *_: kept.request_stop())
    signal.setitimer(signal.ITIMER_REAL, 0.00002 + turn % 100 / 1_000_000)
    kept.watch(0.00001)
child.stop(0)
"""


def test_a_signal_stops_it_at_whatever_moment_it_comes() -> None:
    subprocess.run([sys.executable, "-c", INTERRUPTED], timeout=60, check=True)


def test_one_that_does_not_listen_is_made_to_stop(nursery: Nursery) -> None:
    child = nursery.child(STUBBORN)
    assert isinstance(child.process, subprocess.Popen)
    assert child.process.stdout is not None
    child.process.stdout.readline()  # it has shut its ears
    child.stop(0.05)
    assert child.process.returncode == -9


def test_gateways_end_before_the_control_process(nursery: Nursery, monkeypatch: pytest.MonkeyPatch) -> None:
    control = nursery.child(STAYS, "control")
    gateways = [nursery.child(STAYS) for _ in range(2)]
    alive_at_the_end: list[bool] = []
    stop_control = control.stop

    def stop(grace_s: float) -> None:
        alive_at_the_end.extend(one.process.poll() is None for one in gateways)
        stop_control(grace_s)

    monkeypatch.setattr(control, "stop", stop)
    Supervisor(gateways, control, 1).stop()
    assert alive_at_the_end == [False, False]
    assert control.process.returncode == -15


def test_a_child_notices_that_its_parent_is_gone_even_if_it_was_gone_before_it_looked() -> None:
    gone = threading.Event()
    watch_parent(parent=-1, on_gone=gone.set, interval_s=0.001)
    assert gone.wait(10)


def test_those_whose_place_others_have_taken_leave_and_are_ended_if_they_are_late(nursery: Nursery) -> None:
    done: list[str] = []
    quick, stubborn, dead = (
        nursery.child(program, on_left=lambda name=name: done.append(name))  # type: ignore[misc]  # a default is how a loop's value is kept
        for name, program in (("quick", STAYS), ("stubborn", STUBBORN_TO_LEAVE), ("dead", ENDS.format(status=1)))
    )
    dead.process.wait(10)
    assert isinstance(stubborn.process, subprocess.Popen)
    assert stubborn.process.stdout is not None
    stubborn.process.stdout.readline()  # now it hears nothing
    kept = Supervisor([quick, stubborn, dead], nursery.child(STAYS, "control"), grace_s=0.1)
    fresh = [nursery.child(STAYS)]
    kept.replace(fresh, grace_s=0.1)
    kept.request(lambda: done.append("changed"))
    watching = threading.Thread(target=kept.watch, args=(0.01,))
    watching.start()
    quick.process.wait(10)
    assert quick.process.returncode == -signal.SIGHUP
    stubborn.process.wait(30)
    assert stubborn.process.returncode in (-signal.SIGTERM, -signal.SIGKILL)
    deadline_s = time.monotonic() + 20
    while "changed" not in done and time.monotonic() < deadline_s:  # changes wait until nobody is leaving
        time.sleep(0.01)
    assert sorted(done[:-1]) == ["dead", "quick", "stubborn"]  # each once, however it ended
    assert done[-1] == "changed"
    kept.request_stop()
    watching.join()
    assert fresh[0].process.poll() is None
    assert kept.control.process.poll() is None
    kept.stop()


def test_a_control_process_that_is_renewed_is_started_in_the_new_way(nursery: Nursery) -> None:
    control = nursery.child(STAYS, "control")
    control.renew(lambda: nursery.child(ENDS.format(status=7)).process)
    control.process.wait(10)
    assert control.process.returncode == -signal.SIGTERM
    control.check(control.started_s)
    assert control.due_s is not None
    control.check(control.due_s)
    assert control.process.wait(10) == 7


def test_where_no_gateway_runs_one_that_was_killed_is_not_kept_waiting(nursery: Nursery) -> None:
    killed, other, broken = nursery.child(STAYS), nursery.child(STAYS), nursery.child(STAYS)
    kept = Supervisor([killed, other, broken], nursery.child(STAYS, "control"), grace_s=1)
    killed.due_s, broken.due_s, broken.failed_starts = 110.0, 105.0, 1
    kept._hurry(100.0)
    assert (killed.due_s, broken.due_s) == (110.0, 105.0)  # another answers
    other.due_s = 120.0
    for now_s in (100.0, 100.5):
        kept._hurry(now_s)
    assert (killed.due_s, other.due_s, broken.due_s) == (100.0 + ALONE_MAX_S, 120.0, 105.0)


def test_a_control_process_that_does_not_end_is_made_to_before_it_is_renewed(nursery: Nursery) -> None:
    control = nursery.child(STUBBORN, "control")
    assert isinstance(control.process, subprocess.Popen)
    assert control.process.stdout is not None
    control.process.stdout.readline()  # now it hears nothing
    before_s = time.monotonic()
    control.renew(lambda: nursery.child(ENDS.format(status=7)).process, within_s=3600)
    control.check(before_s + 3599)
    assert control.process.poll() is None
    control.check(time.monotonic() + 3600)
    assert control.process.wait(10) == -signal.SIGKILL
    control.check(before_s)
    assert control.due_s is not None
    control.check(control.due_s)
    assert control.process.wait(10) == 7
    control.check(time.monotonic() + 7200)  # the new one has all the time in the world
    assert control.due_s is not None


def test_nothing_is_tended_once_a_stop_is_requested(nursery: Nursery) -> None:
    gone = nursery.child(ENDS.format(status=1))
    gone.process.wait(10)
    kept = Supervisor([gone], nursery.child(STAYS, "control"), grace_s=0.1)
    assert kept.tend()
    assert gone.due_s is not None
    kept.request_stop()
    assert not kept.tend()
    kept.stop()
