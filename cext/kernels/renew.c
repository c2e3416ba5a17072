/* Bodies of renew.h: which memory is an engine's state, copied back piece by piece. Tables beyond what is copied hold nothing that counts once
 * their counts are those of a new engine. */
#include <stdlib.h>
#include "renew.h"

typedef struct piece { char* at; size_t size; } piece_t;

struct gm_kept {
    piece_t* pieces;
    int32_t count, room;
    char* copy;
    size_t bytes;
    int64_t head, sequence, forced;
    int32_t short_of_memory;
};

static void keep(gm_kept_t* k, void* at, size_t size) {
    if (k->count == k->room) {
        const int32_t room = k->room ? 2 * k->room : 64;
        piece_t* more = (piece_t*)realloc(k->pieces, (size_t)room * sizeof *more);
        if (more == NULL) { k->short_of_memory = 1; return; }
        k->pieces = more;
        k->room = room;
    }
    k->pieces[k->count++] = (piece_t){(char*)at, size};
    k->bytes += size;
}

#define KEEP(row) keep(k, &(row), sizeof (row))

static void keep_engine(gm_kept_t* k, gm_engine_t* e) {
    char* begin = (char*)e;
    keep(k, begin, offsetof(gm_engine_t, todo));
    keep(k, begin + offsetof(gm_engine_t, todo_count), offsetof(gm_engine_t, news) - offsetof(gm_engine_t, todo_count));
    keep(k, begin + offsetof(gm_engine_t, news_count), sizeof *e - offsetof(gm_engine_t, news_count));
    KEEP(*e->orders);
    KEEP(*e->portfolio);
    KEEP(*e->venues);
}

static void keep_rows(gm_kept_t* k, gm_engine_t* e) {
    gm_venues_t* v = e->venues;
    gm_portfolio_t* p = e->portfolio;
    const int32_t symbols = e->instruments->count;
    keep(k, e->orders->newest, 2 * (size_t)symbols * sizeof *e->orders->newest);
    keep(k, v->best, (size_t)symbols * sizeof *v->best);
    keep(k, v->is_best, (size_t)symbols);
    keep(k, v->tapes, (size_t)symbols * sizeof *v->tapes);
    keep(k, v->halted, (size_t)symbols);
    keep(k, v->followed, (size_t)symbols * sizeof *v->followed);
    keep(k, v->is_moved, (size_t)symbols);
    keep(k, p->marks_e9, (size_t)symbols * sizeof *p->marks_e9);
    keep(k, p->is_dirty, (size_t)symbols);
    keep(k, e->statistics.symbols, (size_t)symbols * sizeof *e->statistics.symbols);
    for (int32_t s = 0; s < symbols; s++) {
        keep(k, gm_quotes_of(v, s), (size_t)v->count * sizeof(gm_quote_t));
        keep(k, v->learned + (size_t)s * GM_MAX_VENUES, (size_t)v->count * sizeof *v->learned);
        keep(k, gm_statistics_of(&e->statistics, s, 0), (size_t)v->count * sizeof(gm_venue_statistics_t));
        for (int32_t a = 0; a < p->account_count; a++) KEEP(*gm_position_of(p, a, s));
    }
    keep(k, p->accounts, (size_t)p->account_count * sizeof *p->accounts);
    keep(k, p->activity.counts, (size_t)p->account_count * sizeof *p->activity.counts);
}

gm_kept_t* gm_engine_keep(gm_engine_t* e) {
    gm_kept_t* k;
    char* to;
    if (e->journal->store.directory >= 0 || e->held != NULL || e->orders->next_id != 1 || e->market->renew == NULL || !e->clock->simulated
        || gm_journal_drain(e->journal) != GM_OK || (k = (gm_kept_t*)calloc(1, sizeof *k)) == NULL) return NULL;
    /* Few orders in each of many episodes: pages of 2 MiB would be memory for nothing. */
    madvise(e->orders->rows, GM_ORDER_ROWS * sizeof(gm_order_t), MADV_NOHUGEPAGE);
    madvise(e->orders->row_of, GM_ORDER_IDS * sizeof(int32_t), MADV_NOHUGEPAGE);
    madvise(e->orders->neighbours, GM_ORDER_ROWS * sizeof(gm_neighbours_t), MADV_NOHUGEPAGE);
    gm_portfolio_settle(e->portfolio);
    keep_engine(k, e);
    keep_rows(k, e);
    k->head = e->journal->head;
    k->sequence = e->journal->sequence;
    k->forced = e->journal->forced;
    if (k->short_of_memory || (k->copy = (char*)malloc(k->bytes)) == NULL) {
        gm_kept_free(k);
        return NULL;
    }
    to = k->copy;
    for (int32_t i = 0; i < k->count; to += k->pieces[i++].size) memcpy(to, k->pieces[i].at, k->pieces[i].size);
    return k;
}

void gm_kept_free(gm_kept_t* k) {
    if (k == NULL) return;
    free(k->pieces);
    free(k->copy);
    free(k);
}

/* The log again holds what it held; what the file holds beyond is written over. */
static int renew_journal(gm_journal_t* j, const gm_kept_t* k, int64_t next_id) {
    gm_index_t* x = &j->index;
    if (j->head == k->head) return GM_OK;
    gm_journal_stop(j);
    if (j->state > GM_JOURNAL_FULL) return GM_ERR_STATE;
    if (x->head->position > k->head) memset(x->entries, 0, (size_t)(next_id < x->capacity ? next_id : x->capacity) * sizeof *x->entries);
    x->head->position = k->head;
    x->head->sequence = k->sequence;
    j->store.drained_sequence = k->sequence;
    j->tail->drained = k->head;
    j->noticed = k->head;
    j->forced = j->wanted = k->forced;
    j->lost = 0;
    j->sequence = k->sequence;
    *(uint64_t*)(j->ring + (k->head & (j->ring_bytes - 1))) = 0;
    __atomic_store_n(&j->head, k->head, __ATOMIC_RELEASE);
    return GM_OK;
}

int gm_engine_renew(gm_engine_t* e, const gm_kept_t* k, uint64_t seed, int64_t start_ns) {
    const char* from = k->copy;
    const int64_t next_id = e->orders->next_id;
    if (renew_journal(e->journal, k, next_id) != GM_OK) return GM_ERR_STATE;
    memset(e->orders->row_of, 0, (size_t)next_id * sizeof *e->orders->row_of);
    if (e->limits->configured & GM_CHECK_DUPLICATE)
        memset(e->portfolio->activity.recent, 0, GM_RECENT_SETS * GM_RECENT_WAYS * sizeof *e->portfolio->activity.recent);
    for (int32_t i = 0; i < k->count; from += k->pieces[i++].size) memcpy(k->pieces[i].at, from, k->pieces[i].size);
    e->clock->now_ns = start_ns;
    return e->market->renew(e->market, seed, start_ns);
}
