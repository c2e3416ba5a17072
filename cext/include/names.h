/* Names of a file as numbers, in the order in which they come. A table grows as it fills. */
#ifndef GM_NAMES_H
#define GM_NAMES_H

#include <stdlib.h>
#include <string.h>
#include "records.h"

#define GM_NAMES_TEXT 32            /* with its terminating zero */
#define GM_NAMES_MAX (1 << 20)

typedef struct gm_names {
    char (*texts)[GM_NAMES_TEXT];
    int32_t* index;                 /* number + 1; 0: empty */
    int32_t count;
    uint32_t mask;
} gm_names_t;

static inline uint32_t gm_names_hash(const char* text, size_t length) {
    uint64_t h = 0xcbf29ce484222325ULL;                 /* FNV-1a (Fowler, Noll, Vo), then mixed */
    for (size_t i = 0; i < length; i++) h = (h ^ (unsigned char)text[i]) * 0x100000001b3ULL;
    return (uint32_t)(h ^ (h >> 29));
}

static inline void gm_names_free(gm_names_t* n) {
    free(n->texts);
    free(n->index);
    memset(n, 0, sizeof *n);
}

static inline int gm_names_grow(gm_names_t* n) {
    uint32_t slots = n->mask ? 2 * (n->mask + 1) : 64;
    int32_t* index = (int32_t*)calloc(slots, sizeof *index);
    void* texts = realloc(n->texts, (size_t)(slots / 2) * GM_NAMES_TEXT);
    if (texts != NULL) n->texts = (char (*)[GM_NAMES_TEXT])texts;
    if (index == NULL || texts == NULL) {
        free(index);
        return GM_ERR_MEMORY;
    }
    for (int32_t k = 0; k < n->count; k++) {
        uint32_t i = gm_names_hash(n->texts[k], strlen(n->texts[k])) & (slots - 1);
        while (index[i] != 0) i = (i + 1) & (slots - 1);
        index[i] = k + 1;
    }
    free(n->index);
    n->index = index;
    n->mask = slots - 1;
    return GM_OK;
}

/* The name's number, a new one if nobody had it before; GM_ERR_RANGE: it is too long or has a zero in it, GM_ERR_CAPACITY:
 * too many. */
static inline int32_t gm_names_number(gm_names_t* n, const char* text, size_t length) {
    uint32_t i;
    int32_t v;
    if (length >= GM_NAMES_TEXT || memchr(text, 0, length) != NULL) return GM_ERR_RANGE;
    if (n->mask == 0 && gm_names_grow(n) != GM_OK) return GM_ERR_MEMORY;
    i = gm_names_hash(text, length) & n->mask;
    while ((v = n->index[i]) != 0) {
        if (memcmp(n->texts[v - 1], text, length) == 0 && n->texts[v - 1][length] == 0) return v - 1;
        i = (i + 1) & n->mask;
    }
    if (n->count >= GM_NAMES_MAX) return GM_ERR_CAPACITY;
    if ((uint32_t)n->count >= (n->mask + 1) / 2) {
        if (gm_names_grow(n) != GM_OK) return GM_ERR_MEMORY;
        i = gm_names_hash(text, length) & n->mask;
        while (n->index[i] != 0) i = (i + 1) & n->mask;
    }
    memset(n->texts[n->count], 0, GM_NAMES_TEXT);
    memcpy(n->texts[n->count], text, length);
    n->index[i] = ++n->count;
    return n->count - 1;
}

#endif
