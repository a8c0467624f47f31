"""What a night leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from zhike.pipeline.nightly import sweep_scratch


def test_what_processes_that_are_gone_left_to_spill_into_is_removed(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name in (str(os.getpid()), str(gone.pid), "engine-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spilled").write_bytes(b"x")
    assert sweep_scratch(tmp_path) == 2
    assert [p.name for p in tmp_path.iterdir()] == [str(os.getpid())]


def test_there_is_nothing_to_sweep_before_the_first_night(tmp_path: Path) -> None:
    assert sweep_scratch(tmp_path / "none") == 0
