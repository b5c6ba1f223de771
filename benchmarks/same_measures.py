"""Whether two runs of one recipe measured the same, to 1e-6: what a change that moves no behaviour must show.

    python -m benchmarks.same_measures BEFORE AFTER

Each is a run folder with a finished evaluation, made on one machine by the code before and after the change. Prints the largest
difference of each system over all measures and query sets; the exit code is 1 if one is larger, or a system is missing.
"""

from __future__ import annotations

import json
import sys
from math import inf
from pathlib import Path

TOLERANCE = 1e-6


def read_systems(run: Path) -> dict[str, dict[str, float]]:
    """Return the measures of each system of each query set."""
    metrics = json.loads((run / "eval" / "metrics.json").read_text(encoding="utf-8"))
    sets = metrics.get("sets", {metrics["queries"]: metrics})
    return {f"{name}: {system}": values for name, each in sets.items() for system, values in each["systems"].items()}


def main() -> None:
    before, after = (read_systems(Path(name)) for name in sys.argv[1:3])
    differences = {
        system: max(abs(value - after.get(system, {}).get(measure, inf)) for measure, value in values.items())
        for system, values in before.items()
    }
    for system, difference in differences.items():
        print(f"{difference:.1e}  {system}")
    sys.exit(max(differences.values()) > TOLERANCE)


if __name__ == "__main__":
    main()
