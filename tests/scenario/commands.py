"""Ask the command line as a person does, and look at what it said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
ZHIKE = (sys.executable, "-c", "from zhike.cli.main import main; main()")


def environment(language: str = "en") -> dict[str, str]:
    """Return the environment of a command: this process's, with one language, this code, and nothing that changes how
    Python writes."""
    dropped = {"PYTHONUNBUFFERED", "ZHIKE_DEBUG", "LC_ALL", "LANG"}
    kept = {n: v for n, v in os.environ.items() if n not in dropped and not n.startswith("ZHIKE_")}
    path = os.pathsep.join(p for p in (str(ROOT / "src"), kept.get("PYTHONPATH", "")) if p)
    return {**kept, "PYTHONPATH": path, "ZHIKE_LANGUAGE": language, "PYTHONUTF8": "1", "COLUMNS": "200"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stands on stdout, which must be one JSON value and nothing else."""
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands, each as a process of its own."""

    server: subprocess.Popen[str]
    place: Path

    def __call__(self, *words: str, folder: Path, language: str = "en", is_powerless: bool = False) -> Told:
        """Run ``zhike WORDS`` in a folder; ``is_powerless`` has file permissions hold for root, too."""
        out, err = self.place / "out", self.place / "err"
        request = {
            "argv": list(words), "folder": str(folder), "environment": environment(language), "out": str(out), "err": str(err),
            "is_powerless": is_powerless,
        }  # fmt: skip
        if self.server.stdin is None or self.server.stdout is None:
            raise RuntimeError("the server has no pipes")
        self.server.stdin.write(json.dumps(request) + "\n")
        self.server.stdin.flush()
        answer = json.loads(self.server.stdout.readline())
        return Told(answer["code"], out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


@contextmanager
def open_commands() -> Iterator[Commands]:
    """Start the server of commands, and end it."""
    command = [sys.executable, "-m", "tests.scenario.command_server"]
    with (
        tempfile.TemporaryDirectory(prefix="commands-") as place,
        subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
        ) as server,
    ):
        if server.stdin is None or server.stdout is None:
            raise RuntimeError("the server has no pipes")
        if json.loads(server.stdout.readline()) != {"ready": True}:
            raise RuntimeError("the server of commands did not start")
        yield Commands(server, Path(place))
        server.stdin.close()
        server.wait()


def run_alone(*words: str, folder: Path, language: str = "en") -> Told:
    """Run ``zhike WORDS`` as a fresh interpreter, as a shell would."""
    done = subprocess.run(
        [*ZHIKE, *words], cwd=folder, capture_output=True, text=True, check=False, env=environment(language)
    )
    return Told(done.returncode, done.stdout, done.stderr)


__all__ = ["ROOT", "ZHIKE", "Commands", "Told", "environment", "open_commands", "run_alone"]
