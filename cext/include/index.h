/* Where an order's records stand in the log, and which order a client_order_id belongs to: two mapped files beside the
 * journal, made from the log by whoever writes it out, and made again from it when they are missing or wrong. */
#ifndef GM_INDEX_H
#define GM_INDEX_H

#include <stdint.h>
#include <string.h>
#include "records.h"

#define GM_INDEX_HEAD 4096

typedef struct gm_index_head {
    char magic[8];                  /* "GMINDEX1" or "GMCLIEN1" */
    uint64_t layout;
    uint8_t uuid[16], boot[16];
    int64_t capacity;               /* entries */
    int64_t count;                  /* of clients: entries in use */
    int64_t position;               /* all records before it are in */
    int64_t sequence;
    uint32_t sealed;                /* 1: closed in order, and `crc32c` is of the whole file with itself as 0 */
    uint32_t crc32c;
} gm_index_head_t;

typedef struct gm_index_entry {     /* [order_id] */
    int64_t first, last;            /* position + 1 of its first and latest record, its children's included; 0: none */
    int64_t parent;
    uint64_t check;                 /* gm_index_check of the three: an entry that is wrong is not believed */
} gm_index_entry_t;

typedef struct gm_client {
    uint64_t hash;
    int64_t order_id;               /* 0: free; stored last */
} gm_client_t;

typedef struct gm_clients_file {    /* an open-addressing table; replaced by a larger one as it fills */
    gm_index_head_t* head;
    gm_client_t* slots;
    int64_t capacity;               /* a power of two */
    int fd;
    struct gm_clients_file* older;  /* what it replaced: kept mapped for readers that may still be in it */
} gm_clients_file_t;

typedef struct gm_index {
    int directory;                  /* -1: temporary, unnamed files */
    int fd;
    gm_index_head_t* head;
    gm_index_entry_t* entries;
    int64_t capacity;
    gm_clients_file_t* clients;
    int32_t damaged;                /* what was found had changed since it was closed: it was made anew */
} gm_index_t;

/* Bodies in kernels/index.c. GM_OK, or GM_ERR_IO / GM_ERR_MEMORY with errno set. */
int gm_index_open(gm_index_t* x, int directory, uint64_t layout, const uint8_t uuid[16], const uint8_t boot[16], int fresh);
void gm_index_close(gm_index_t* x);
void gm_index_replace(gm_index_t* x, gm_index_t* fresh);    /* `fresh` takes the place of `x`, which others may be searching */
void gm_index_discard(gm_index_t* x);       /* closes a fresh one that was not finished; its files go */
void gm_index_seal(gm_index_t* x);          /* at a stop in order: each file's checksum into its head */
int gm_index_room(gm_index_t* x, int64_t highest_order, int64_t more_clients);  /* makes room before entries are set */
void gm_index_client(gm_index_t* x, uint64_t hash, int64_t order_id);
int64_t gm_index_find_client(const gm_index_t* x, uint64_t hash);              /* order id; 0: none. Any thread */

static inline uint64_t gm_client_hash(const char id[GM_CLIENT_ORDER_ID_LENGTH]) {
    uint64_t h = 0x9e3779b97f4a7c15ULL, word;
    for (int i = 0; i < 32; i += 8) {
        memcpy(&word, id + i, 8);
        h = (h ^ word) * 0xff51afd7ed558ccdULL;
        h ^= h >> 32;
    }
    word = 0;
    memcpy(&word, id + 32, 4);
    h = (h ^ word) * 0xc4ceb9fe1a85ec53ULL;
    h ^= h >> 29;
    return h ? h : 1;
}

static inline uint64_t gm_index_check(const gm_index_entry_t* e) {
    uint64_t h = ((uint64_t)e->first * 0x9e3779b97f4a7c15ULL ^ (uint64_t)e->last) * 0xff51afd7ed558ccdULL;
    return (h ^ h >> 31 ^ (uint64_t)e->parent) * 0xc4ceb9fe1a85ec53ULL;
}

/* Takes a record at `position` into the index; there is room (gm_index_room). */
static inline void gm_index_take(gm_index_t* x, const gm_header_t* h, int64_t position) {
    gm_index_entry_t* e;
    if (h->order_id <= 0 || h->order_id >= x->capacity) return;
    e = &x->entries[h->order_id];
    /* An order begins with its terms, if it has rarer ones, its decision, if that is recorded, and itself, next to one another; what was
     * torn off before its order leaves the id to another. */
    if (!e->first || ((h->kind == GM_RECORD_TERMS || h->kind == GM_RECORD_DECISION || h->kind == GM_RECORD_ORDER)
                      && (e->last != position + 1 - GM_RECORD_SMALL || e->last - e->first > GM_RECORD_SMALL))) e->first = position + 1;
    e->last = position + 1;
    if (h->kind == GM_RECORD_ORDER) {
        const gm_order_t* o = (const gm_order_t*)(h + 1);
        e->parent = o->parent_id;
        if (o->client_order_id[0]) gm_index_client(x, gm_client_hash(o->client_order_id), o->order_id);
    }
    e->check = gm_index_check(e);
    if (e->parent > 0 && e->parent < x->capacity) {
        gm_index_entry_t* parent = &x->entries[e->parent];
        parent->last = position + 1;
        parent->check = gm_index_check(parent);
    }
}

#endif
