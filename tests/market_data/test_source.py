"""Compressed files that are damaged, by what is wrong with them: each error names the file and says what it is."""

import gzip
import io
import lzma
import struct
import zipfile

import pytest

from grandmodel.execution._core.values import MarketDataError
from grandmodel.execution.market_data.source import blocks

PLAIN = b"a line of data\n" * 1000


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.csv", PLAIN)
    return buffer.getvalue()


def changed(raw: bytes, at: int, new: bytes) -> bytes:
    return raw[:at] + new + raw[at + len(new) :]


def both_heads(raw: bytes, local: int, central: int, new: bytes) -> bytes:
    """A zip whose local header and central directory say the same."""
    return changed(changed(raw, local, new), raw.index(b"PK\x01\x02") + central, new)


DAMAGED = {
    "inside.gz": (changed(gzip.compress(PLAIN), 14, b"\xff\xff\xff"), "cannot be decompressed"),
    "not.gz": (b"nothing", "cannot be read"),
    "short.gz": (gzip.compress(PLAIN)[:30], "ends in the middle"),
    "not.xz": (b"nothing", "cannot be decompressed"),
    "inside.xz": (changed(lzma.compress(PLAIN), 30, b"\0\0\0"), "cannot be decompressed"),
    "short.xz": (lzma.compress(PLAIN)[:40], "ends in the middle"),
    "not.zip": (b"nothing", "cannot be decompressed"),
    "method.zip": (both_heads(zipped(), 8, 10, struct.pack("<H", 99)), "method is not supported"),
    "password.zip": (both_heads(zipped(), 6, 8, b"\x01"), "password"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_says_so(tmp_path, name):
    raw, said = DAMAGED[name]
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(MarketDataError, match=f"{name}: .*{said}"):
        list(blocks(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "raw"), [("a.gz", gzip.compress(PLAIN)), ("a.xz", lzma.compress(PLAIN)), ("a.zip", zipped())]
)
def test_what_is_whole_comes_out(tmp_path, name, raw):
    (tmp_path / name).write_bytes(raw)
    assert b"".join(blocks(tmp_path / name, 100)) == PLAIN
