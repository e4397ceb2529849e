"""Cold start of the command line against ``python -c "import sympy"``, in turn, medians over fresh processes.

Compiled bytecode is kept, as it is for an installed program. CPU time (user and system) is the steadier measure on a
shared machine.

python benchmarks/cold_start.py
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall-clock and CPU time of one process."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Run and print JSON."""
    program = shutil.which("bounds") or "bounds"
    ours = [program, "required-width", "--L", "5"]
    base = [sys.executable, "-c", "import sympy"]
    library = [sys.executable, "-c", "import bounds"]
    for command in (ours, base, library):
        seconds(command)
    runs = [(seconds(ours), seconds(base), seconds(library)) for _ in range(11)]
    ratios = [a[0] / b[0] for a, b, _ in runs]
    cpu = [a[1] / b[1] for a, b, _ in runs]
    print(
        json.dumps(
            {
                "required_width_s": statistics.median(r[0][0] for r in runs),
                "import_sympy_s": statistics.median(r[1][0] for r in runs),
                "import_bounds_s": statistics.median(r[2][0] for r in runs),
                "cpu_ratio_median": statistics.median(cpu),
                "ratio_median": statistics.median(ratios),
                "ratio_min_max": [min(ratios), max(ratios)],
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
