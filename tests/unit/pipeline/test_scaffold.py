"""A new project is sound before anybody touches it."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhike.kernel.errors import Conflict
from zhike.pipeline.checking import check_project
from zhike.pipeline.project import open_project
from zhike.pipeline.scaffold import make_project


def test_a_new_project_passes_its_own_check(tmp_path: Path) -> None:
    make_project(tmp_path / "bank", name="bank")
    assert check_project(open_project(tmp_path / "bank"))["mapping entries"] == 1


def test_a_project_is_never_made_over_another(tmp_path: Path) -> None:
    make_project(tmp_path, name="bank")
    with pytest.raises(Conflict):
        make_project(tmp_path, name="bank")
