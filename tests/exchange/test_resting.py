"""A pause within an exchange."""

from __future__ import annotations

from collections.abc import Callable, Generator

from entrepot.exchange.commands import Command, Wait
from entrepot.exchange.events import ClientGone, DeadlinePassed, Event
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.resting import rest


class Pause:
    """A pause of ten seconds that begins at 0."""

    def __init__(self, keep_alive_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.sent_at: list[float] = []
        self.gone: bool | None = None
        self._silence = KeepAlive(b": still here", keep_alive_s, 0.0)
        self._resting = rest(10.0, lambda: self.now_s, self._silence, self._keep_alive)
        self.until_s = 0.0
        self._go_on(lambda: next(self._resting))

    def _keep_alive(self) -> Generator[Command, Event, None]:
        self.sent_at.append(self.now_s)
        self._silence.heard(self.now_s)
        yield from ()

    def happens(self, event: Event, at_s: float) -> None:
        self.now_s = at_s
        self._go_on(lambda: self._resting.send(event))

    def _go_on(self, step: Callable[[], Command]) -> None:
        try:
            command = step()
        except StopIteration as stop:
            self.gone = stop.value
        else:
            assert isinstance(command, Wait)
            self.until_s = command.until_s


def test_it_is_over_when_its_time_has_come() -> None:
    pause = Pause()
    assert pause.until_s == 10.0
    pause.happens(DeadlinePassed(), 10.0)
    assert pause.gone is False


def test_a_client_that_leaves_ends_it() -> None:
    pause = Pause()
    pause.happens(ClientGone(), 3.0)
    assert pause.gone is True


def test_a_client_that_waits_is_sent_signs_of_life() -> None:
    pause = Pause(keep_alive_s=4.0)
    while pause.gone is None:
        pause.happens(DeadlinePassed(), pause.until_s)
    assert pause.sent_at == [4.0, 8.0]


def test_a_pause_of_nothing_is_none() -> None:
    def never() -> Generator[Command, Event, None]:
        yield from ()
        raise AssertionError("there is no time for a sign of life")

    assert list(rest(0.0, lambda: 0.0, KeepAlive(b"", 0.0, 0.0), never)) == []
