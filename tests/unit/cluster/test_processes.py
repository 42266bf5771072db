"""Programs start, become ready, and end with whoever started them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.cluster.errors import NotReady
from tests.e2e.cluster.processes import Program, wait_until

REPOSITORY = Path(__file__).parents[3]


def test_a_program_that_ends_early_shows_its_last_lines(tmp_path: Path) -> None:
    program = Program(["sh", "-c", "echo the disk is full; exit 1"], tmp_path / "log")
    program.start()
    with pytest.raises(NotReady, match="the disk is full"):
        program.wait_until(lambda: False, "it was ready", seconds=30)


def test_a_program_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    program = Program(["sleep", "1000"], tmp_path / "log")
    program.start()
    with pytest.raises(NotReady, match="in vain for it was ready"):
        program.wait_until(lambda: False, "it was ready", seconds=0)
    program.stop()
    assert not program.running


def test_a_program_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = Program(["sh", "-c", "trap '' TERM; echo up; exec sleep 1000"], log)
    program.start()
    program.wait_until(lambda: log.read_text() == "up\n", "the trap was set")
    program.stop(patience=0)
    assert not program.running


def test_a_program_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; import sys, threading, time\n"
        "from tests.e2e.cluster.processes import Program\n"
        "program = Program(['sh', '-c', 'echo $$; exec sleep 1000'], Path(sys.argv[1]))\n"
        # The thread that asks for it ends at once; the program has to outlive that.
        "thread = threading.Thread(target=program.start); thread.start(); thread.join()\n"
        "time.sleep(1000)\n"
    )
    log = tmp_path / "log"
    parent = subprocess.Popen([sys.executable, "-c", script, str(log)], cwd=REPOSITORY)
    wait_until(lambda: log.exists() and log.read_text().endswith("\n"), "the program", 30)
    child = Path("/proc", log.read_text().strip())
    assert child.exists()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    wait_until(lambda: not child.exists() or "Z" in _state(child), "the program to die", 30)


def _state(process: Path) -> str:
    try:
        return (process / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"
