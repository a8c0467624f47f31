"""How the edge of a command tells what went wrong, where no process is needed to see it."""

from __future__ import annotations

import pytest
import typer

from zhike.cli.edge import guarded
from zhike.kernel.errors import BadInput, Conflict, ContractBroken, NotEstimable, NotFound, NotPermitted, Unavailable


@pytest.mark.parametrize(
    ("kind", "code"),
    [(BadInput, 2), (NotFound, 2), (NotPermitted, 2), (Conflict, 2), (ContractBroken, 1), (NotEstimable, 1), (Unavailable, 3)],
)  # fmt: skip
def test_each_kind_of_error_has_its_exit_code_and_language(
    kind: type[BadInput], code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    @guarded
    def command() -> None:
        raise kind("area.reason", zh="错了", en="it is wrong", todo_zh="改", todo_en="mend it")

    for language, said in (("en", "area.reason: it is wrong\n  → mend it\n"), ("zh", "area.reason: 错了\n  → 改\n")):
        monkeypatch.setenv("ZHIKE_LANGUAGE", language)
        with pytest.raises(typer.Exit) as end:
            command()
        assert (end.value.exit_code, capsys.readouterr().err) == (code, said)


def test_a_broken_pipe_to_a_worker_is_a_failure_and_not_a_reader_that_went_away(
    capfd: pytest.CaptureFixture[str],
) -> None:
    @guarded
    def command() -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(typer.Exit) as end:
        command()
    assert end.value.exit_code == 1
    assert "Broken pipe" in capfd.readouterr().err
