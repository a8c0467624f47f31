"""Run zhike commands as processes of their own that need not import everything again.

``python -m tests.scenario.command_server`` imports what commands import, opens nothing, and forks one child per request. A child is
what a shell would start: ``main()`` with its own arguments, folder, environment, standard streams and exit code.

Requests and answers are one JSON object per line on stdin and stdout: ``{argv, folder, environment, out, err, is_powerless}`` gives
``{code}``.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any, NoReturn

PRELOADED = (
    "django", "lightgbm", "zhike.cli.main", "zhike.cli.state", "zhike.pipeline.catalogue", "zhike.pipeline.demo",
    "zhike.pipeline.nightly", "zhike.pipeline.reporting",
)  # fmt: skip
CAPABILITY_VERSION = 0x20080522
MAY_READ_AND_WRITE_ALL = (1 << 1) | (1 << 2)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


def preload() -> None:
    """Import what commands import; nothing here opens an engine or a database."""
    for name in PRELOADED:
        importlib.import_module(name)
    from zhike.warehouse.performing import code_fingerprint

    code_fingerprint()


def give_up_power() -> None:
    """Have file permissions hold for this process, also where it is root's (Linux)."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    sets[0] &= ~MAY_READ_AND_WRITE_ALL
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def run_child(request: Mapping[str, Any]) -> NoReturn:
    """Become the command and end with its exit code."""
    code = 1
    try:
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
        if request["is_powerless"] and os.geteuid() == 0:
            give_up_power()
        sys.argv = ["zhike", *request["argv"]]
        from zhike.cli.main import main

        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does at the end of a program
        traceback.print_exc()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = 120
    os._exit(code)


def serve() -> None:
    """Answer requests until stdin ends."""
    preload()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run_child(request)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    serve()
