"""The journal: records appended, checksum and commit word included, while its writer carries them to the file."""

from __future__ import annotations

import numpy as np

from grandmodel.execution._core.journal import Journal
from grandmodel.execution._core.records import REPORT_DTYPE

REPORT = 4
RECORDS = 20_000


def bench_append(benchmark):
    """128-byte records. Per round: 20,000."""
    journal = Journal()
    rows = np.zeros(RECORDS, REPORT_DTYPE)
    rows["order_id"] = np.arange(RECORDS)
    for _ in range(10):  # the ring's pages are touched once
        journal.append_many(REPORT, rows, 0)
    benchmark.pedantic(journal.append_many, (REPORT, rows, 0), setup=journal.flush, rounds=60)
    assert journal.records % RECORDS == 0
    assert journal.error is None
