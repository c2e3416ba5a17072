/* The writing of a capture's blocks. */
#include <errno.h>
#include <unistd.h>
#include "capture.h"
#include "crc32c.h"

void gm_capture_flush(gm_capture_t* c) {
    const size_t size = sizeof c->head + (size_t)c->count * sizeof(gm_message_t);
    size_t done = 0;
    if (!c->on || c->count == 0) return;
    memset(&c->head, 0, sizeof c->head);
    memcpy(c->head.magic, "GMCAPBLK", 8);
    c->head.number = ++c->number;
    c->head.run = c->run;
    c->head.first = c->rows[0].sequence;
    c->head.last = c->rows[c->count - 1].sequence;
    c->head.count = c->count;
    c->head.rows_crc32c = gm_crc32c((uint32_t)c->number, c->rows, (size_t)c->count * sizeof(gm_message_t));
    c->head.crc32c = gm_crc32c((uint32_t)c->number, &c->head.rows_crc32c, sizeof c->head - offsetof(gm_capture_block_t, rows_crc32c));
    while (done < size) {
        ssize_t n = pwrite(c->fd, (const char*)&c->head + done, size - done, c->offset + (int64_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            c->error = n < 0 ? errno : ENOSPC;
            c->on = 0;
            if (ftruncate(c->fd, c->offset) != 0) errno = 0;    /* the rest of the block is a torn tail then, which readers know */
            return;
        }
        done += (size_t)n;
    }
    c->offset += (int64_t)size;
    c->written += c->count;
    c->count = 0;
}
