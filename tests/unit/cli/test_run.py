"""What a run tells at its end, where no process is needed to see it."""

from __future__ import annotations

import pytest

from zhike.cli.commands.run import tell_anonymous, tell_engines
from zhike.warehouse import RunResult
from zhike.warehouse.run import StepResult, StepState


def ended(**metrics: int) -> RunResult:
    step = StepResult("identity:events", StepState.RAN, metrics=metrics)
    return RunResult("r", "2025-06-30", 1, is_current=True, seconds=1.0, peak_memory_mb=1, steps=(step,))


@pytest.mark.requirement("B4")
def test_events_that_are_nobodys_are_told_and_nothing_is_said_where_there_are_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for language, said in (
        ("en", "5 events without a user: 3 joined to parties, 2 nobody's"),
        ("zh", "未登录的行为 5 条：3 条归到来源客户，2 条无法归属"),
    ):
        monkeypatch.setenv("ZHIKE_LANGUAGE", language)
        tell_anonymous(ended(n_attributed=3, n_unattributed=2))
        assert said in capsys.readouterr().err
    tell_anonymous(ended(n_attributed=0, n_unattributed=0))
    assert capsys.readouterr().err == ""


@pytest.mark.requirement("L1")
def test_a_night_on_two_engines_says_how_many_steps_each_ran(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = [
        StepResult(key, StepState.RAN, engine=engine)
        for key, engine in (("load:a", "duckdb"), ("profile", "spark"), ("tag:b", "spark"))
    ]
    steps.append(StepResult("load:c", StepState.REUSED))
    for language, said in (
        ("en", "engines: 1 steps on duckdb, 2 steps on spark"),
        ("zh", "引擎：duckdb 1 步、spark 2 步"),
    ):
        monkeypatch.setenv("ZHIKE_LANGUAGE", language)
        tell_engines(
            RunResult("r", "2025-06-30", 1, is_current=True, seconds=1.0, peak_memory_mb=1, steps=tuple(steps))
        )
        assert said in capsys.readouterr().err
    tell_engines(
        RunResult("r", "2025-06-30", 1, is_current=True, seconds=1.0, peak_memory_mb=1, steps=(steps[0], steps[3]))
    )
    assert capsys.readouterr().err == ""
