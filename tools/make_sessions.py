"""Write src/grandmodel/execution/data/sessions.json from exchange_calendars, or check it (``--check``).

Needs ``pip install exchange_calendars``; the engine itself never imports it. The table holds the exceptions
only: weekdays without a session, and half days. The script refuses to write a table that the format cannot
hold (an odd opening time, an early close other than 13:00, a session on a weekend).
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

TABLE = Path(__file__).resolve().parents[1] / "src/grandmodel/execution/data/sessions.json"
FIRST, LAST = date(2010, 1, 1), date(2035, 12, 31)
ZONE, OPEN, CLOSE, EARLY = "America/New_York", "09:30", "16:00", "13:00"
EXCHANGES = ("XNYS", "XNAS")


def exchange_table(name: str) -> dict[str, Any]:
    """The entry of one exchange, straight from the oracle."""
    import exchange_calendars  # type: ignore[import-untyped, import-not-found, unused-ignore]

    schedule = exchange_calendars.get_calendar(name, start=str(FIRST), end=str(LAST)).schedule
    sessions: set[date] = set()
    half_days: list[str] = []
    for stamp, row in schedule.iterrows():
        day = stamp.date()
        opening, closing = (row[c].tz_convert(ZONE).strftime("%Y-%m-%d %H:%M") for c in ("open", "close"))
        closings = (f"{day} {CLOSE}", f"{day} {EARLY}")
        if day.weekday() >= 5 or opening != f"{day} {OPEN}" or closing not in closings:
            raise SystemExit(f"{name} {day}: {opening} to {closing} does not fit the table's format")
        sessions.add(day)
        if closing.endswith(EARLY):
            half_days.append(str(day))
    days = (FIRST + timedelta(n) for n in range((LAST - FIRST).days + 1))
    closed = [str(day) for day in days if day.weekday() < 5 and day not in sessions]
    return {
        "zone": ZONE, "open": OPEN, "close": CLOSE, "early_close": EARLY,
        "first": str(FIRST), "last": str(LAST), "closed": closed, "half_days": half_days,
    }  # fmt: skip


def build() -> str:
    """The whole file as text; equal exchanges are stored once."""
    tables: dict[str, dict[str, Any]] = {}
    for name in EXCHANGES:
        entry = exchange_table(name)
        twin = next((other for other, known in tables.items() if known == entry), None)
        tables[name] = {"same_as": twin} if twin else entry
    return json.dumps({"source": "exchange_calendars", "exchanges": tables}, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="compare the table with the oracle, write nothing"
    )
    text = build()
    if parser.parse_args().check:
        if TABLE.read_text(encoding="utf-8") == text:
            return 0
        print(f"{TABLE} differs from exchange_calendars", file=sys.stderr)
        return 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
