"""What a night leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zhike.identity import IdentitySettings
from zhike.kernel.errors import BadInput
from zhike.pipeline.nightly import identity_settings, sweep_scratch


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


def test_parameters_of_identity_are_read_and_what_cannot_be_meant_is_refused() -> None:
    found = identity_settings(
        {"identity_own_places": {"379901": "安河区", 379902: "临江区"}, "identity_mention_link_from": 0.995}
    )
    assert found.own_places == {"379901": "安河区", "379902": "临江区"}
    assert found.mention_link_from == 0.995
    assert identity_settings({}) == IdentitySettings()
    for wrong, code in (
        ({"identity_own_places": ["安河区"]}, "identity.own_places"), ({"identity_own_places": {"3799": "安河区"}}, "identity.own_places"),
        ({"identity_mention_link_from": 0.2}, "identity.mention_link_from"), ({"identity_mention_link_from": 1.2}, "identity.mention_link_from"),
        ({"identity_mention_link_from": "sure"}, "identity.mention_link_from"),
    ):  # fmt: skip
        with pytest.raises(BadInput) as refused:
            identity_settings(wrong)
        assert refused.value.code == code
