"""How much memory the demo takes at its peak, its child processes included; README says that 4 GiB are enough.

python -m benchmarks.demo_memory        # minutes; exit code 1 where it takes more
"""

from __future__ import annotations

import subprocess
import sys
import tempfile

from benchmarks.scale import watch_memory

PROMISED_MIB = 4096


def main() -> None:
    """Run the demo in a folder that is deleted, and print the peak."""
    with tempfile.TemporaryDirectory(prefix="embedtune-demo-") as out:
        command = [sys.executable, "-m", "embedtune", "run", "quickstart", "--out", f"{out}/run", "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)  # noqa: S603 (our own command line)
        peak = watch_memory(process) >> 20
        if process.wait():
            sys.exit("the demo failed")
    print(f"peak memory of the demo: {peak:,} MiB; promised: {PROMISED_MIB:,} MiB at most")
    sys.exit(peak > PROMISED_MIB)


if __name__ == "__main__":
    main()
