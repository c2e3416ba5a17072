/* The market as the engine saw it, written down: each change of a quote, each print, each venue that came or went, as gm_message_t.
 *
 * The file is a sequence of runs, one for each start of the engine. A run is a page of 4096 bytes (capture.pyx, _HEAD: which journal,
 * which names, which configuration), what the page says follows it (names as gm_name_t, then the configuration's JSON, zeros to
 * the next 64 bytes), and blocks: a head of 64 bytes, then up to GM_CAPTURE_ROWS rows. Rows of one feed sequence stand in one block.
 *
 *   GM_CLEAR      symbol and venue -1: an engine begins, nobody is quoted anywhere, every venue is as configured
 *   GM_SET_LEVEL  side 1 the bid, -1 the ask, level 1: what is shown there now; price GM_NO_PRICE: nobody
 *   GM_TRADE      a print; flags GM_FLAG_OWN: an own order's, GM_FLAG_AUCTION: an auction's
 *   GM_HALT       symbol -1: the venue takes no orders (flags GM_HALTED) or takes them again (GM_TRADING_RESUMED); else trading in the
 *                 symbol is halted or goes on, by the venue's word
 *
 * A run's feed sequence begins above all that the journal knows of the runs before it: from there on its rows are what counts, whatever
 * an earlier run has of the same numbers. What a block has not filled lies in the process: kill -9 loses it, a block at the most. */
#ifndef GM_CAPTURE_H
#define GM_CAPTURE_H

#include <string.h>
#include "records.h"

#define GM_CAPTURE_ROWS 511         /* with its head a full block is 32 KiB */
#define GM_CAPTURE_UPDATE 2         /* rows of one feed sequence, at the most */

typedef struct gm_capture_block {
    char magic[8];                  /* "GMCAPBLK" */
    uint32_t crc32c;                /* of the head behind it, seeded with the number */
    uint32_t rows_crc32c;           /* of the rows, seeded with the number */
    int64_t number;                 /* in its run, from 1 */
    int64_t run;
    int64_t first, last;            /* feed sequences */
    int64_t count;                  /* rows */
    int64_t reserved;
} gm_capture_block_t;
_Static_assert(sizeof(gm_capture_block_t) == sizeof(gm_message_t), "a block's head takes the place of a row");

typedef struct gm_capture gm_capture_t;
struct gm_capture {
    gm_capture_block_t head;        /* head and rows are written as they lie */
    gm_message_t rows[GM_CAPTURE_ROWS];
    int32_t count;
    int32_t on;                     /* 0: not begun, closed, or ended by `error` */
    int32_t error;                  /* errno of the write that failed; 0: none did */
    int32_t fd;
    int64_t offset;                 /* bytes of the file that hold whole blocks */
    int64_t number;                 /* blocks of this run written */
    int64_t run;
    int64_t written;                /* rows of this run in the file */
    void (*flush)(gm_capture_t* c); /* gm_capture_flush: markets in other modules have no copy of it */
};

/* Writes what the block has, one write to the page cache. A write that fails ends the capture and leaves the file whole. */
void gm_capture_flush(gm_capture_t* c);

/* Makes room for the rows of one feed sequence; 0: the capture is off. */
static inline int gm_capture_room(gm_capture_t* c) {
    if (c->on && c->count > GM_CAPTURE_ROWS - GM_CAPTURE_UPDATE) c->flush(c);
    return c->on;
}

static inline void gm_capture_row(gm_capture_t* c, uint8_t action, int32_t symbol, int32_t venue, int8_t side, uint8_t flags,
                                  int64_t price_e9, int64_t quantity, int64_t sequence, int64_t time_ns) {
    gm_message_t* m = &c->rows[c->count++];
    memset(m, 0, sizeof *m);
    m->time_ns = time_ns;
    m->price_e9 = price_e9;
    m->quantity = quantity;
    m->sequence = sequence;
    m->symbol = symbol;
    m->venue = venue;
    m->action = action;
    m->side = side;
    m->flags = flags;
    m->level = action == GM_SET_LEVEL;
}

#endif
