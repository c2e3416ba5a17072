/* Many decisions over the same quotes. */
#include "scoring.h"

void gm_route_batch(const gm_venues_t* v, int32_t symbol, int64_t count, const int64_t* signed_quantities, const int64_t* limits_e9, int32_t* venues,
                    int64_t* costs_e9) {
    const gm_nbbo_t n = gm_consolidate_afresh(v, symbol);
    for (int64_t i = 0; i < count; i++) {
        const int64_t q = signed_quantities[i];
        const gm_route_t r = gm_score_venues(v, &n, symbol, q > 0 ? GM_BUY : GM_SELL, q > 0 ? q : -q, limits_e9[i] ? limits_e9[i] : GM_NO_PRICE, 0, 0, NULL);
        venues[i] = r.venue;
        costs_e9[i] = r.venue >= 0 ? r.cost_e9 : 0;
    }
}
