"""From a 50,000-order day on disk to its report: read, analysed, summed up, written. Targets: 5 s, 12 MB.

    python benchmarks/bench_report.py [ORDERS] [FOLDER]

makes the day (a synthetic one, journalled and captured), prints the steps and leaves the page in FOLDER.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("bokeh", reason="the report is drawn by Bokeh")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support_tca import make_day

from grandmodel.execution.analytics.day_summary import summarise
from grandmodel.execution.analytics.journal_costs import analyse_journal
from grandmodel.execution.analytics.order_analyses import OrderAnalyses
from grandmodel.execution.analytics.report import write_report

ORDERS = 5_000  # a tenth of the day, for a run among the others


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return make_day(tmp_path_factory.mktemp("day"), ORDERS * 49 // 50, ORDERS // 50, minutes=38.5)


def _report(journal, capture, path):
    analysed = analyse_journal(journal, capture)
    return write_report(path, analysed, summarise(analysed))


def bench_report(benchmark, day, tmp_path):
    size = benchmark.pedantic(_report, args=(*day, tmp_path / "report.html"), rounds=3, warmup_rounds=1)
    assert size < 4_000_000


def bench_analyse_trade(benchmark, day):
    """One order's analysis out of the columns."""
    table = OrderAnalyses(analyse_journal(*day))
    ids = table.ids[:1000]

    def look_up():
        for order_id in ids:
            table[order_id]

    benchmark(look_up)


def main() -> None:
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else "report_day")
    folder.mkdir(parents=True)
    began = time.perf_counter()
    journal, capture = make_day(folder, orders * 49 // 50, orders // 50)
    print(f"the day        {time.perf_counter() - began:6.2f} s")
    began = time.perf_counter()
    analysed = analyse_journal(journal, capture)
    read = time.perf_counter()
    summary = summarise(analysed)
    summed = time.perf_counter()
    size = write_report(folder / "report.html", analysed, summary, title=journal.name)
    written = time.perf_counter()
    print(f"read, analysed {read - began:6.2f} s   {len(analysed):,} orders, {len(analysed.fills['order']):,} fills")
    print(f"summed up      {summed - read:6.2f} s")
    print(f"written        {written - summed:6.2f} s   {size / 1e6:.1f} MB")
    print(f"report         {written - began:6.2f} s")


if __name__ == "__main__":
    main()
