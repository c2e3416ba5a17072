/* An engine that begins again: as it was when it was kept, before its first order, and its market with another seed and time. What a
 * learning environment does between two episodes, in microseconds: equal seeds give equal logs, whatever came before. */
#ifndef GM_RENEW_H
#define GM_RENEW_H

#include "engine.h"

typedef struct gm_kept gm_kept_t;

/* Keeps the engine as it is. NULL: no memory, or it cannot begin again (its journal has a name, holds back commands for the disk, or an order
 * has been accepted already; its market does not; its clock is the machine's). */
gm_kept_t* gm_engine_keep(gm_engine_t* e);
void gm_kept_free(gm_kept_t* k);
/* GM_OK, or GM_ERR_STATE. Whoever held an id, a row or a figure of it holds nothing. */
int gm_engine_renew(gm_engine_t* e, const gm_kept_t* k, uint64_t seed, int64_t start_ns);

#endif
