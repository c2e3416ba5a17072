/* Which fault befalls a message, and what lies look like (faults.h). */
#include "link.h"

static uint32_t below(uint64_t* draws, uint32_t n) { return (uint32_t)(((gm_splitmix64(draws) >> 32) * (uint64_t)n) >> 32); }

int gm_faults_message(const gm_report_t* r) {
    switch (r->exec_type) {
    case GM_EXEC_NEW: return GM_MESSAGE_ACKNOWLEDGEMENT;
    case GM_EXEC_TRADE: return GM_MESSAGE_FILL;
    case GM_EXEC_REPLACED: return GM_MESSAGE_REPLACED;
    case GM_EXEC_CANCEL_REJECTED: return GM_MESSAGE_REFUSED;
    case GM_EXEC_TRADE_CANCEL:
    case GM_EXEC_TRADE_CORRECT: return GM_MESSAGE_REVISION;
    default: return GM_MESSAGE_ENDED;
    }
}

int gm_faults_next(gm_faults_t* f, int message, uint64_t* draws) {
    const uint32_t on = gm_faults_on(message);
    const int64_t number = ++f->messages[message];
    int fault = GM_FAULT_NONE;
    for (int32_t k = 0; k < f->script_count && fault == GM_FAULT_NONE; k++)
        if (f->script[k].message == message && f->script[k].number == number) fault = f->script[k].fault;
    if (fault == GM_FAULT_NONE && f->any) {
        double u = gm_stream_unit(draws);
        for (int k = GM_FAULT_REJECT; k <= GM_FAULT_LIE && fault == GM_FAULT_NONE; k++) {
            if (!(on & GM_FAULT_BIT(k))) continue;
            if (u < f->chance[k]) fault = k;
            u -= f->chance[k];
        }
    }
    if (fault != GM_FAULT_LIE) return fault;
    do fault = GM_LIE_PRICE + (int)below(draws, GM_FAULT_END - GM_LIE_PRICE); while (!(on & GM_FAULT_BIT(fault)));
    return fault;
}

void gm_faults_lie(gm_report_t* r, int fault, int32_t symbols, uint64_t* draws) {
    const int64_t worse = r->price_e9 / 10000 * (int64_t)(1 + below(draws, 500));    /* by 1 to 500 basis points */
    if (fault == GM_LIE_PRICE) {
        r->price_e9 = r->price_e9 + r->side * (worse > 0 ? worse : r->side > 0 ? 1 : 0);
        return;
    }
    r->exec_type = GM_EXEC_TRADE;
    r->reason = GM_REASON_NONE;
    if (r->price_e9 <= 0) r->price_e9 = 1000000000;
    if (r->quantity <= 0) r->quantity = 1;
    r->liquidity = GM_ADDED;
    switch (fault) {
    case GM_LIE_ORDER: r->order_id = below(draws, 2) ? INT64_MAX - below(draws, 1000) : -(int64_t)below(draws, 1000); break;
    case GM_LIE_SYMBOL: r->symbol = below(draws, 2) ? r->symbol + 1 + (int32_t)below(draws, (uint32_t)symbols) : -1 - (int32_t)below(draws, 1000); break;
    case GM_LIE_SIDE: r->side = (int8_t)(below(draws, 2) ? -r->side : 0); break;
    case GM_LIE_NOTHING: r->quantity = 0; break;
    case GM_LIE_NEGATIVE: r->quantity = -1 - (int64_t)below(draws, 1000); break;
    case GM_LIE_ENORMOUS: r->quantity = INT64_MAX - below(draws, 1000); break;
    case GM_LIE_ACKNOWLEDGED:
        r->exec_type = GM_EXEC_NEW;
        r->price_e9 = GM_NO_PRICE;
        r->quantity = 0;
        r->fee_e9 = 0;
        r->liquidity = GM_LIQUIDITY_NONE;
        break;
    default: r->exec_type = (uint8_t)(below(draws, 2) ? 0 : GM_EXEC_TYPE_END + below(draws, 100)); break;
    }
}
