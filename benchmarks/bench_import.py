"""What `import grandmodel.execution` adds to `import numpy`, in fresh processes, one beside the other."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began


def bench_import(benchmark):
    """The median difference of pairs; OrderManager is loaded too. The timed part is the pair."""
    differences = []

    def pair():
        alone = seconds("import numpy")
        differences.append(seconds("import numpy, grandmodel.execution; grandmodel.execution.OrderManager") - alone)

    benchmark.pedantic(pair, rounds=15, warmup_rounds=1)
    added = statistics.median(differences)
    benchmark.extra_info["added_ms"] = round(added * 1e3, 1)
    if benchmark.stats is not None:  # with --benchmark-disable it only runs: gates are for quiet machines
        assert added < 0.060, f"import adds {added * 1e3:.1f} ms"
