from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from entrepot.telemetry.families import ADDED_SECONDS, DROPPED, ERRORS, LOST, UNDER_WAY
from entrepot.telemetry.series import (
    Kept,
    SeriesFile,
    clear_metrics,
    metrics_folder,
    read_all,
    retire_metrics,
    width_of,
)


def only(directory: Path) -> Kept:
    (kept,) = read_all(directory)
    return kept


def test_what_one_process_counts_another_reads(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path, "gateway-0")
    file.values[file.find(ERRORS, "not_found")] += 2
    file.values[file.find(ERRORS, "限额")] += 1
    file.values[file.find(LOST)] += 0.5
    kept = only(tmp_path)
    assert (kept.process, kept.pid, kept.alive) == ("gateway-0", os.getpid(), True)
    assert kept.series[ERRORS.name, "not_found"] == (2.0,)
    assert kept.series[ERRORS.name, "限额"] == (1.0,)
    assert kept.series[LOST.name,] == (0.5,)
    file.close()
    assert not only(tmp_path).alive


def test_a_series_has_one_place(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path, "gateway-0")
    assert file.find(ERRORS, "a") == file.find(ERRORS, "a") != file.find(ERRORS, "b")
    histogram = file.find(ADDED_SECONDS)
    assert file.find(LOST) >= histogram + width_of(ADDED_SECONDS)


def test_the_next_process_of_the_name_goes_on_and_its_gauges_begin_at_0(tmp_path: Path) -> None:
    first = SeriesFile(tmp_path, "gateway-0")
    first.values[first.find(ERRORS, "a")] = 7
    first.values[first.find(UNDER_WAY)] = 3
    first.close()
    second = SeriesFile(tmp_path, "gateway-0")
    second.values[second.find(ERRORS, "a")] += 1
    kept = only(tmp_path)
    assert kept.series[ERRORS.name, "a"] == (8.0,)
    assert kept.series[UNDER_WAY.name,] == (0.0,)


VICTIM = """
import os, signal, sys
from entrepot.telemetry.families import ERRORS
from entrepot.telemetry.series import SeriesFile
file = SeriesFile(sys.argv[1], "gateway-0")
for _ in range(1000):
    file.values[file.find(ERRORS, "a")] += 1
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_leaves_all_that_it_counted(tmp_path: Path) -> None:
    ended = subprocess.run([sys.executable, "-c", VICTIM, str(tmp_path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    kept = only(tmp_path)
    assert kept.series[ERRORS.name, "a"] == (1000.0,)
    assert not kept.alive


def test_what_there_is_no_room_for_is_counted_as_dropped(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path, "gateway-0", room_bytes=4096)
    for number in range(200):
        file.values[file.find(ERRORS, f"code {number}")] += 1
    kept = only(tmp_path)
    told = [key for key in kept.series if key[0] == ERRORS.name]
    assert kept.series[DROPPED.name,] == (200.0 - len(told),)
    assert all(kept.series[key] == (1.0,) for key in told)
    assert len(told) > 50


def test_one_that_ended_before_it_could_say_so_is_no_longer_missed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", VICTIM, str(tmp_path)], check=False)
    assert only(tmp_path).pid > 0
    retire_metrics(tmp_path, "gateway-0")
    kept = only(tmp_path)
    assert (kept.pid, kept.series[ERRORS.name, "a"]) == (0, (1000.0,))
    retire_metrics(tmp_path, "gateway-1")  # it never counted anything
    file = SeriesFile(tmp_path, "gateway-0")
    retire_metrics(tmp_path, "gateway-0")  # somebody has its name, and runs
    assert only(tmp_path).pid == os.getpid()
    file.close()


def test_an_installation_begins_at_0(tmp_path: Path) -> None:
    file = SeriesFile(tmp_path, "gateway-0")
    file.close()
    clear_metrics(tmp_path)
    assert read_all(tmp_path) == []
    clear_metrics(tmp_path / "absent")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 100, b"entmet1\n" + b"\xff" * 60])
def test_what_is_no_such_file_is_left_out_and_written_anew(tmp_path: Path, content: bytes) -> None:
    metrics_folder(tmp_path).mkdir()
    (metrics_folder(tmp_path) / "gateway-0.metrics").write_bytes(content)
    assert read_all(tmp_path) == []
    file = SeriesFile(tmp_path, "gateway-0")
    file.values[file.find(LOST)] = 1
    assert only(tmp_path).series[LOST.name,] == (1.0,)


def test_without_a_file_it_is_counted_in_memory_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "metrics").write_text("in the way")
    file = SeriesFile(tmp_path, "gateway-0")
    file.values[file.find(LOST)] += 1
    file.close()
    assert "the metrics of gateway-0 are not kept" in caplog.text
    assert read_all(tmp_path) == []
