/* The engine: an order's way in (submission.h), a venue's report's way back (reports.h), requests on live orders (requests.h), the checks (checks.h,
 * self_match.h), what stops trading (latches.h), and what the engine does by itself: triggers, lists of orders, parents it works, timers (working.h), and
 * what a person says where a venue does not (resolution.h).
 *
 * Journal before effect: an order's record is committed before gm_engine_send, the one place that hands anything to a venue; a
 * report's record is committed before the state it changes. What changes state (gm_engine_accept, _take, _obey, _latch) is the same
 * code at work and in recovery (recovery.h), which applies what was recorded and decides nothing again. Nothing here touches a Python
 * object, allocates, locks or calls the system (but the clock, the journal's write-behind, and the look for an execution that a
 * venue has told twice). */
#ifndef GM_ENGINE_H
#define GM_ENGINE_H

#include "engine_state.h"
#include "checks.h"
#include "latches.h"
#include "submission.h"
#include "sweep.h"
#include "reports.h"
#include "requests.h"
#include "self_match.h"
#include "working.h"
#include "resolution.h"

#endif
