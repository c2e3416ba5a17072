/* The files of a journal, a directory:
 *
 *   control            two marks of 512 bytes, written in turn: identity, epoch, what is forced, how it ended
 *   NNNNNNNN.segment   a header page, then records; each segment begins with a whole record, where the one before ends
 *   seals              a header of 128 bytes, then one row each: the SHA-256 of all the stream up to a position
 *   orders.index, clients.index, snapshot-*   may be deleted at any time: made again from the log
 *   lock               held (flock) by the one engine that writes
 *
 * and, on tmpfs, the tail: one page (gm_tail), then the ring. All integers are little-endian. */
#ifndef GM_STORE_H
#define GM_STORE_H

#include <stddef.h>
#include <stdint.h>
#include "records.h"
#include "sha256.h"

#define GM_JOURNAL_PAGE 4096
#define GM_JOURNAL_VERSION 2
#define GM_SEAL_BYTES ((int64_t)1 << 22)        /* of the stream, from seal to seal */
#define GM_MARK_BYTES 512

/* The first page of the ring's file. */
typedef struct gm_tail {
    char magic[8];                  /* "GMTAIL01" */
    uint32_t version, crc32c;       /* of what follows up to `epoch` */
    uint64_t layout;
    uint8_t uuid[16], boot[16];
    int64_t ring_bytes;
    int64_t made_by;                /* epoch of the engine that made it */
    int64_t padding[7];
    int64_t epoch;                  /* of the journal's owner: who finds another than his own has lost it */
    int64_t drained;                /* bytes of the stream that are in the segments */
} gm_tail_t;

/* A mark in `control`. The one with the higher counter counts. */
typedef struct gm_mark {
    char magic[8];                  /* "GMMARK01" */
    uint32_t version, crc32c;       /* of everything but itself and what stands before it */
    uint64_t layout;
    uint8_t uuid[16], boot[16];
    int64_t counter;
    int64_t epoch;
    int64_t forced;                 /* bytes of the stream that were on the disk */
    int64_t position, sequence;     /* written (not forced) when the mark was made: the log is at least this long */
    int64_t segments;               /* files made so far */
    int32_t clean;                  /* 1: stopped in order; the log ends at `position` */
    int32_t state, error;           /* gm_journal_state and errno when it was made */
    int32_t durability;
    char tail[256];                 /* path of the tail; empty when clean */
    int64_t padding[17];
} gm_mark_t;
_Static_assert(offsetof(gm_tail_t, epoch) == 128, "the tail's live words have a cache line of their own");
_Static_assert(sizeof(gm_mark_t) == GM_MARK_BYTES, "a mark is one sector");

/* The head of a segment's header page; zeros follow. */
typedef struct gm_segment_head {
    char magic[8];                  /* "GMSEGM01" */
    uint32_t version, crc32c;       /* of what follows, to the end of the page */
    uint64_t layout;
    uint8_t uuid[16], boot[16];
    int64_t number;                 /* from 1 */
    int64_t position, sequence;     /* where its first record stands, and that record's sequence */
    int64_t epoch;
} gm_segment_head_t;

/* The SHA-256 of the stream's first `position` bytes; `state` lets it go on without reading them again. */
typedef struct gm_seal {
    int64_t number;                 /* from 1 */
    int64_t position, sequence;     /* of the last record in it */
    int64_t epoch;
    uint8_t sha256[32];
    uint32_t state[8];
    int32_t clean;                  /* 1: made by a stop in order */
    uint32_t crc32c;                /* of what stands before it, seeded with the number */
    int64_t padding[3];
} gm_seal_t;
_Static_assert(sizeof(gm_seal_t) == 128, "a seal is a row");

typedef struct gm_segment {
    int64_t position;               /* of its first byte in the stream */
    int fd;                         /* of one that is full and not on the disk yet: who had it open hears of a write-back that failed; else -1 */
} gm_segment_t;

typedef struct gm_store {
    int directory, control, seals;  /* descriptors; -1 in a temporary journal */
    int fd;                         /* of the segment that is written; -1: the next write makes one */
    int directory_changed;          /* a file was made: its name has to be forced too */
    gm_segment_t* segments;         /* [segment_count], in order */
    int64_t segment_count, segment_room;
    int32_t full;                   /* segments whose `fd` is open */
    int in_force;                   /* the descriptor that is being forced at this moment; -1: none of these */
    int64_t numbered;               /* the last segment's number */
    int64_t segment_bytes;          /* of records in a segment, about */
    int64_t allocated;              /* of the segment that is written: bytes of records that exist as zeros or more */
    int64_t allocate;               /* how much to zero ahead; 0: the file grows as it is written */
    int64_t drained_sequence;       /* of the last record in the segments */
    int64_t scanned;                /* drained, up to where the index has it */
    uint64_t layout;
    uint8_t uuid[16], boot[16];
    gm_mark_t mark;                 /* the last one written */
    /* the seal under way: behind what is drained */
    int64_t sealed, sealed_sequence, seal_count, last_seal;
    uint32_t sha[8];
} gm_store_t;

#endif
