"""A journal's directory (cext/include/store.h has the layout): made, surveyed, checked, repaired as far as it is safe.

Nothing here is on the order path, so it is Python, the one package of the core that is; records are walked natively
(`framing`). What is wrong is named: file, record, byte, what was found and what was expected.

`layout` < `marks`, `seals`, `segments`, `tail`, `locks` < `survey` < `ending`, `verification`.
"""

from ..framing import MARK_BYTES, PAGE, VERSION, check_records
from .ending import open_end
from .layout import SEAL_ROW, SNAPSHOT_VERSION, STATES, boot_id, layout_hash
from .locks import hold, is_live, lock, release
from .marks import Mark, read_mark, write_mark
from .segments import Segment, add_segment, walk_segment
from .survey import Survey, is_new, make
from .tail import is_tmpfs, make_tail, read_tail, tail_records
from .verification import verify

__all__ = [
    "MARK_BYTES",
    "PAGE",
    "SEAL_ROW",
    "SNAPSHOT_VERSION",
    "STATES",
    "VERSION",
    "Mark",
    "Segment",
    "Survey",
    "add_segment",
    "boot_id",
    "check_records",
    "hold",
    "is_live",
    "is_new",
    "is_tmpfs",
    "layout_hash",
    "lock",
    "make",
    "make_tail",
    "open_end",
    "read_mark",
    "read_tail",
    "release",
    "tail_records",
    "verify",
    "walk_segment",
    "write_mark",
]
