"""The types that a user's type checker sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent / "typing" / "public_api.py"


def test_the_types_of_the_public_names(tmp_path):
    api = pytest.importorskip("mypy.api", reason="mypy is not installed")
    out, errors, _ = api.run(["--config-file=", "--cache-dir", str(tmp_path), "--no-error-summary", str(SAMPLE)])
    assert errors == ""
    expected = {
        (number, line.rpartition("  # ")[2])
        for number, line in enumerate(SAMPLE.read_text().splitlines(), 1)
        if line.startswith("reveal_type(")
    }
    notes = re.findall(r':(\d+): note: Revealed type is "(.*)"', out.replace("builtins.", ""))
    found = {(int(number), text) for number, text in notes}
    assert found == expected, out
