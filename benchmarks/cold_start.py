"""Cold start of the command line against ``python -c "import sympy"``, in turn, medians over fresh processes.

python benchmarks/cold_start.py
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> float:
    """Wall-clock time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Run and print JSON."""
    program = shutil.which("bounds") or "bounds"
    ours = [program, "required-width", "--L", "5"]
    base = [sys.executable, "-c", "import sympy"]
    library = [sys.executable, "-c", "import bounds"]
    for command in (ours, base, library):
        seconds(command)
    runs = [(seconds(ours), seconds(base), seconds(library)) for _ in range(9)]
    ratios = [a / b for a, b, _ in runs]
    print(
        json.dumps(
            {
                "required_width_s": statistics.median(r[0] for r in runs),
                "import_sympy_s": statistics.median(r[1] for r in runs),
                "import_bounds_s": statistics.median(r[2] for r in runs),
                "ratio_median": statistics.median(ratios),
                "ratio_min_max": [min(ratios), max(ratios)],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
