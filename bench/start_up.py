"""Start of ``zhike --help`` (goal: at most 0.3 s), beside an empty Python process."""

import sys

from measuring import compare, report

if __name__ == "__main__":
    zhike = [sys.executable, "-c", "from zhike.cli.main import main; main()", "--help"]
    report(compare("zhike --help", zhike, [sys.executable, "-c", "pass"], repeats=9))
