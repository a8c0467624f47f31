"""Run the benches of this folder one after another and print each one's JSON: ``make bench``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BENCHES = (("start_up.py",), ("simulate.py", "--customers", "20000"))


def main() -> None:
    """Run each bench; stop at the first that fails."""
    for script, *options in BENCHES:
        print(f"## {script} {' '.join(options)}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *options], check=True, cwd=HERE)


if __name__ == "__main__":
    main()
