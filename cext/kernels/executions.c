/* Looks for an execution among the records of its order: in the ring, or in the journal's files (reports.h). */
#include "engine.h"

#define PIECE 16384

int gm_engine_find_execution(gm_engine_t* e, int64_t order_id, int32_t venue, int64_t execution_id, gm_report_t* found) {
    gm_journal_t* j = e->journal;
    gm_index_entry_t entry;
    char piece[PIECE];
    int code = GM_ERR_NOT_FOUND;
    int64_t position;
    memset(&entry, 0, sizeof entry);
    if (gm_journal_drain(j) != GM_OK && __atomic_load_n(&j->tail->drained, __ATOMIC_ACQUIRE) == 0) return GM_ERR_NOT_FOUND;
    pthread_mutex_lock(&j->file);                           /* the index is the writer's */
    if (order_id > 0 && order_id < j->index.capacity) entry = j->index.entries[order_id];
    pthread_mutex_unlock(&j->file);
    if (!entry.first || gm_index_check(&entry) != entry.check) entry.first = 1;     /* not there, or not to be believed: all of it */
    position = entry.first - 1;
    while (position < j->head) {
        const int64_t got = gm_journal_read(j, position, piece, j->head - position < PIECE ? j->head - position : PIECE);
        int64_t at = 0;
        if (got < (int64_t)sizeof(gm_header_t)) break;
        while (at + (int64_t)sizeof(gm_header_t) <= got) {
            gm_header_t h;
            gm_report_t r;
            memcpy(&h, piece + at, sizeof h);
            if (h.size < sizeof h || at + h.size > got) break;
            if (h.kind == GM_RECORD_REPORT && h.order_id == order_id) {
                memcpy(&r, piece + at + sizeof h, sizeof r);
                if (r.venue == venue && !gm_is_void(&r)) {
                    if (r.exec_type == GM_EXEC_TRADE_CANCEL && gm_reference_of(&r) == execution_id && code != GM_ERR_NOT_FOUND) code = GM_ERR_STATE;
                    if (r.execution_id == execution_id && (code == GM_ERR_NOT_FOUND || r.exec_type == GM_EXEC_TRADE_CORRECT)) {
                        *found = r;
                        code = GM_OK;
                    }
                }
            }
            at += h.size;
        }
        if (at == 0) break;
        position += at;
    }
    return code;
}
