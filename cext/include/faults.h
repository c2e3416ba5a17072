/* Faults on order: what a venue or the way to it does wrong, drawn by message from the venue's own generator, or told for the n-th message of
 * a kind. At most one fault befalls a message.
 *
 *   reject      an order, cancel or replace is refused at the venue
 *   drop        a command or report never arrives
 *   delay       it takes delay_ns longer, and whatever comes behind it waits
 *   reorder     it takes delay_ns longer, and what comes behind overtakes it
 *   duplicate   a report is told twice
 *   disconnect  the connection breaks for disconnect_ns. Commands under way are lost, reports too unless `resend`; the venue is
 *               closed meanwhile, and who had no answer is UNKNOWN
 *   bust        revise_ns after a fill the venue takes it back
 *   correct     revise_ns after a fill the venue has another quantity and price for it
 *   overfill    a fill is larger than it can be
 *   lie         one of the lies below, drawn evenly */
#ifndef GM_FAULTS_H
#define GM_FAULTS_H

#include "market.h"
#include "random.h"

enum gm_fault {
    GM_FAULT_NONE = 0,
    GM_FAULT_REJECT, GM_FAULT_DROP, GM_FAULT_DELAY, GM_FAULT_REORDER, GM_FAULT_DUPLICATE, GM_FAULT_DISCONNECT, GM_FAULT_BUST, GM_FAULT_CORRECT,
    GM_FAULT_OVERFILL, GM_FAULT_LIE,
    /* lies: a false report beside the true one, but for the first, which changes the fill itself */
    GM_LIE_PRICE,                           /* a worse price, beyond the order's limit or outside the quote */
    GM_LIE_ORDER,                           /* a fill of an order that nobody sent */
    GM_LIE_SYMBOL, GM_LIE_SIDE,             /* a fill in another symbol, on the other side */
    GM_LIE_NOTHING, GM_LIE_NEGATIVE, GM_LIE_ENORMOUS,  /* a fill of 0, of less, of more than there is */
    GM_LIE_ACKNOWLEDGED,                    /* an acknowledgement behind whatever it was, also behind the end */
    GM_LIE_KIND,                            /* a report of no kind */
    GM_FAULT_END
};

enum gm_fault_message {
    GM_MESSAGE_ORDER = 1, GM_MESSAGE_CANCEL, GM_MESSAGE_REPLACE,           /* out */
    GM_MESSAGE_ACKNOWLEDGEMENT, GM_MESSAGE_FILL, GM_MESSAGE_ENDED, GM_MESSAGE_REPLACED, GM_MESSAGE_REFUSED,     /* in; REFUSED: a cancel or replace */
    GM_MESSAGE_REVISION,
    GM_MESSAGE_END
};

#define GM_FAULT_BIT(f) (1u << (f))
#define GM_FAULTS_ON_COMMANDS (GM_FAULT_BIT(GM_FAULT_REJECT) | GM_FAULT_BIT(GM_FAULT_DROP) | GM_FAULT_BIT(GM_FAULT_DELAY) \
    | GM_FAULT_BIT(GM_FAULT_REORDER) | GM_FAULT_BIT(GM_FAULT_DISCONNECT))
#define GM_FAULTS_ON_REPORTS (GM_FAULT_BIT(GM_FAULT_DROP) | GM_FAULT_BIT(GM_FAULT_DELAY) | GM_FAULT_BIT(GM_FAULT_REORDER) \
    | GM_FAULT_BIT(GM_FAULT_DUPLICATE) | GM_FAULT_BIT(GM_FAULT_DISCONNECT) | GM_FAULT_BIT(GM_FAULT_LIE) | GM_FAULT_BIT(GM_LIE_ORDER) \
    | GM_FAULT_BIT(GM_LIE_SYMBOL) | GM_FAULT_BIT(GM_LIE_SIDE) | GM_FAULT_BIT(GM_LIE_NOTHING) | GM_FAULT_BIT(GM_LIE_NEGATIVE) \
    | GM_FAULT_BIT(GM_LIE_ENORMOUS) | GM_FAULT_BIT(GM_LIE_ACKNOWLEDGED) | GM_FAULT_BIT(GM_LIE_KIND))
#define GM_FAULTS_ON_FILLS (GM_FAULTS_ON_REPORTS | GM_FAULT_BIT(GM_FAULT_BUST) | GM_FAULT_BIT(GM_FAULT_CORRECT) | GM_FAULT_BIT(GM_FAULT_OVERFILL) \
    | GM_FAULT_BIT(GM_LIE_PRICE))

/* Which faults can befall a message. */
static inline uint32_t gm_faults_on(int message) {
    return message <= GM_MESSAGE_REPLACE ? GM_FAULTS_ON_COMMANDS : message == GM_MESSAGE_FILL ? GM_FAULTS_ON_FILLS : GM_FAULTS_ON_REPORTS;
}

#define GM_FAULT_SCRIPT 64

/* The number-th message of a kind, counted from 1, meets this fault. */
typedef struct gm_script { int32_t message, fault; int64_t number; } gm_script_t;

typedef struct gm_faults {
    double chance[GM_FAULT_LIE + 1];        /* by message, each from 0 to 1 and together at most 1 */
    int64_t delay_ns, disconnect_ns, revise_ns;
    int32_t resend;
    int32_t any;                            /* a chance is above 0 */
    int32_t script_count;
    gm_script_t script[GM_FAULT_SCRIPT];
    int64_t messages[GM_MESSAGE_END];       /* seen so far */
} gm_faults_t;

/* What befalls the next message of a kind: a gm_fault, never GM_FAULT_LIE itself. */
int gm_faults_next(gm_faults_t* f, int message, uint64_t* draws);

/* Which message a report is. */
int gm_faults_message(const gm_report_t* r);

/* Makes `r` the lie that `fault` names; symbols: how many there are. */
void gm_faults_lie(gm_report_t* r, int fault, int32_t symbols, uint64_t* draws);

#endif
