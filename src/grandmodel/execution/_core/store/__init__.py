"""A journal's directory (cext/include/store.h has the layout): made, surveyed, checked, repaired as far as it is safe.

Nothing here is on the order path, so it is Python, the one package of the core that is; records are walked natively
(`framing`). What is wrong is named: file, record, byte, what was found and what was expected.

`layout` < `marks`, `seals`, `segments`, `tail`, `locks` < `survey` < `ending`, `verification`.
"""

from ..framing import MARK_BYTES, PAGE, SEAL_BYTES, VERSION, check_records, kinds_of
from .ending import open_end
from .layout import (
    INDEX_SEALED,
    SEAL_ROW,
    SNAPSHOT_VERSION,
    STATES,
    TAIL_LIVE,
    boot_id,
    check_layout,
    check_version,
    layout_hash,
)
from .locks import hold, is_live, lock, release
from .marks import Mark, read_mark, write_mark
from .seals import Seal, seals_head
from .segments import Segment, add_segment, check_segment, walk_segment
from .survey import Survey, is_new, make
from .tail import is_tmpfs, make_tail, read_tail, tail_records
from .verification import verify

__all__ = [
    "INDEX_SEALED",
    "MARK_BYTES",
    "PAGE",
    "SEAL_BYTES",
    "SEAL_ROW",
    "SNAPSHOT_VERSION",
    "STATES",
    "TAIL_LIVE",
    "VERSION",
    "Mark",
    "Seal",
    "Segment",
    "Survey",
    "add_segment",
    "boot_id",
    "check_layout",
    "check_records",
    "check_segment",
    "check_version",
    "hold",
    "is_live",
    "is_new",
    "is_tmpfs",
    "kinds_of",
    "layout_hash",
    "lock",
    "make",
    "make_tail",
    "open_end",
    "read_mark",
    "read_tail",
    "release",
    "seals_head",
    "tail_records",
    "verify",
    "walk_segment",
    "write_mark",
]
