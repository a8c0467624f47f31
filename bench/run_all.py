"""Run the benches of this folder one after another and print each one's JSON: ``make bench``; ``--full`` for the sizes of the goals."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SMALL = ("--customers", "20000", "--transactions", "400000")
FULL = ("--customers", "1000000", "--transactions", "20000000", "--repeats", "1")
BENCHES = (
    ("start_up.py",),
    ("simulate.py", "--customers", "20000"),
    ("ingest.py", *SMALL),
    ("features.py", *SMALL),
    ("scaling.py", "--small", "5000", "--large", "20000"),
    ("identity.py", "quality", "--sets", "bank_10k", "febrl3", "febrl4"),
)
FULL_BENCHES = (
    ("start_up.py",),
    ("simulate.py", "--customers", "20000"),
    ("simulate.py", "--customers", "1000000", "--transactions", "50000000"),
    ("ingest.py", *FULL),
    ("features.py", *FULL),
    ("scaling.py",),
    ("identity.py", "quality"),
    ("identity.py", "time"),
    ("identity.py", "growth", "--repeats", "1"),
)


def main() -> None:
    """Run each bench; stop at the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the sizes of the goals: hours, and some 40 GB of disk")
    options = parser.parse_args()
    for script, *given in FULL_BENCHES if options.full else BENCHES:
        print(f"## {script} {' '.join(given)}", flush=True)
        subprocess.run([sys.executable, str(HERE / script), *given], check=True, cwd=HERE)


if __name__ == "__main__":
    main()
