# A journal's directory. Layout in include/store.h.


cdef extern from "store.h" nogil:
    enum: GM_JOURNAL_PAGE
    enum: GM_JOURNAL_VERSION
    enum: GM_MARK_BYTES
    enum: GM_SEAL_BYTES
