"""The numbers that Python reads rows by are the header's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from grandmodel.execution import record_codes

HEADER = Path(__file__).parent.parent / "cext" / "include" / "records.h"
CODES = {name: value for name, value in vars(record_codes).items() if name.isupper() and isinstance(value, int)}


def header_codes():
    """{name: number} of the enums and plain defines of records.h, without their GM_."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    found = {name: int(number) for name, number in re.findall(r"#define GM_(\w+) (\d+)\s", text)}
    for body in re.findall(r"enum gm_\w+ \{(.*?)\}", text, flags=re.DOTALL):
        value = -1
        for entry in filter(None, (each.strip() for each in body.split(","))):
            name, _, number = entry.partition("=")
            value = int(number.strip(), 0) if number.strip().lstrip("-").isdigit() else value + 1
            found[name.strip().removeprefix("GM_")] = value
    return found


@pytest.mark.parametrize("name", sorted(CODES))
def test_a_code_is_the_headers(name):
    assert CODES[name] == header_codes()[name]
