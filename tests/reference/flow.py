"""The streaming estimators in plain Python, from their definitions: one message at a time, whole lists instead of
rings and sums where that is simpler. Prices and times are integers as in the core; ratios are floats."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise

ADD, REDUCE, DELETE, EXECUTE, HIDDEN, REPLACE, HALT, CLEAR, TRADE, SET_LEVEL = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
LAST, UNPRINTED = 8, 32
PRICE_MAX = QUANTITY_MAX = 1 << 53


class Flow:
    """What `FlowEstimators` keeps; `state()` has the same names and values as its."""

    def __init__(
        self, *, levels=5, bar_ns=60 * 10**9, bars=1024, gap_ns=3600 * 10**9, horizons=(10**9, 10**10, 6 * 10**10,
        3 * 10**11),
        trades=8192, changes=512, trust_sides=True, vpin_bucket=0, buckets=50, vpin_sigma=0.0, hawkes=None,
        sweep_share=1.0,
        delays=(0, 10**9, 5 * 10**9, 10**10), reference_spread=0.0005,
    ):  # fmt: skip
        self.n, self.bar_ns, self.gap_ns, self.horizons, self.room = levels, bar_ns, gap_ns, horizons, trades
        self.kept_bars, self.kept_changes, self.trust, self.bucket, self.kept_buckets = (
            bars,
            changes,
            trust_sides,
            vpin_bucket,
            buckets,
        )
        self.sigma, self.hawkes, self.share, self.delays, self.scale = (
            vpin_sigma,
            hawkes,
            sweep_share,
            delays,
            reference_spread,
        )
        self.began = self.now = self.heard = None
        self.messages = self.late = self.breaks = self.refused = 0
        self.sides = [[], []]  # (price_e9, quantity), best first
        self.known = [False, False]
        self.quote = None  # (bid, ask)
        self.stood = []  # (spread, mid2, ns) of every quote's whole life
        self.since = None
        self.ofi = [0] * levels
        self.trade_list = []  # (time, price, quantity, sign, mid2 or None)
        self.last = 0
        self.direction = 0
        self.change_list = []
        self.waiting = [[] for _ in horizons]
        self.matured = [[] for _ in horizons]  # (trade, later mid2)
        self.unquoted = [0] * len(horizons)
        self.dropped = [0] * len(horizons)
        self.bar = None
        self.bar_list = []
        self.vpin_close = 0
        self.moves = []
        self.filled = self.bought = 0.0
        self.bucket_list = []
        self.arrivals = []
        self.run = None
        self.sweep = None
        self.swept = []
        self.widened = []
        self.lost = 0

    # -- time

    def start_of(self, time):
        return time // self.bar_ns * self.bar_ns

    def begin_bar(self, start, whole):
        self.bar = {
            "start_ns": start, "trades": [], "stood": [], "ofi": 0, "mid2_open": self.mid2(), "mid2_close": 0,
            "whole": whole,
        }  # fmt: skip

    def mid2(self):
        return 0 if self.quote is None else self.quote[0] + self.quote[1]

    def settle(self, until):
        passed = until - self.since
        if passed <= 0:
            return
        if self.quote is not None:
            piece = (self.quote[1] - self.quote[0], self.mid2(), passed)
            self.stood.append(piece)
            self.bar["stood"].append(piece)
        if self.sweep is not None:
            self.follow_sweep(until)
        self.since = until

    def close_bar(self):
        self.bar["mid2_close"] = self.mid2()
        self.bar["depth"] = self.depth()
        self.bar_list.append(self.bar)
        self.classify()

    def hear(self, time):
        """The time of a message, or that of the one before where it goes back."""
        if self.heard is None:
            self.began = self.now = self.since = time
            self.begin_bar(self.start_of(time), self.start_of(time) == time)
        elif time < self.heard:
            self.late += 1
            return self.heard
        elif time - self.heard > self.gap_ns:
            self.reach(self.heard)
            self.break_off(time)
            self.now = time
        self.heard = time
        return time

    def advance(self, time):
        self.reach(self.hear(time))

    def reach(self, time):
        if time <= self.now:
            return
        for h, horizon in enumerate(self.horizons):
            while self.waiting[h] and self.waiting[h][0][0] + horizon < time:
                trade = self.waiting[h].pop(0)
                if self.quote is None:
                    self.unquoted[h] += 1
                else:
                    self.matured[h].append((trade, self.mid2()))
        while time >= self.bar["start_ns"] + self.bar_ns:
            end = self.bar["start_ns"] + self.bar_ns
            self.settle(end)
            self.close_bar()
            self.begin_bar(end, True)
        self.now = time

    def break_off(self, time):
        self.settle(self.now)
        self.bar["whole"] = False
        self.close_bar()
        for h in range(len(self.horizons)):
            self.unquoted[h] += len(self.waiting[h])
            self.waiting[h] = []
        self.lost += self.sweep is not None
        self.sweep = None
        self.known = [False, False]
        self.quote = None
        self.last = self.direction = self.vpin_close = 0
        self.change_list = []
        self.breaks += 1
        self.since = time
        self.begin_bar(self.start_of(time), False)

    # -- quotes

    def levels(self, time, sides):
        """sides: {0: bids, 1: asks} of those that may have changed."""
        self.messages += 1
        self.show(self.hear(time), sides)

    def show(self, time, sides):
        self.reach(time)
        changed = {
            s: rows[: self.n] for s, rows in sides.items() if not self.known[s] or rows[: self.n] != self.sides[s]
        }
        if not changed:
            return
        self.settle(self.now)
        for s, rows in sorted(changed.items()):
            if self.known[s]:
                for k in range(self.n):
                    flow = self.flow(s, self.at(s, self.sides[s], k), self.at(s, rows, k))
                    self.ofi[k] += flow
                    if k == 0:
                        self.bar["ofi"] += flow
            self.sides[s] = list(rows)
            self.known[s] = True
        bids, asks = self.sides
        self.quote = None
        if bids and asks and 0 < bids[0][0] <= asks[0][0] < PRICE_MAX:
            self.quote = bids[0][0], asks[0][0]
        if self.bar["mid2_open"] == 0:
            self.bar["mid2_open"] = self.mid2()

    @staticmethod
    def at(side, rows, k):
        """A level that is not there is worse than any, with nothing in it."""
        return rows[k] if k < len(rows) else ((-math.inf, math.inf)[side], 0)

    @staticmethod
    def flow(side, before, after):
        (p0, q0), (p1, q1) = before, after
        if side == 0:
            return (q1 if p1 >= p0 else 0) - (q0 if p1 <= p0 else 0)
        return (q0 if p1 >= p0 else 0) - (q1 if p1 <= p0 else 0)

    def depth(self):
        if self.quote is None:
            return math.nan
        mid2 = self.mid2()
        return min(
            sum(q * math.exp(-abs(2 * p - mid2) / (2 * self.scale * mid2)) for p, q in rows) for rows in self.sides
        )

    # -- trades

    def trade(self, time, price, quantity, side=0):
        self.messages += 1
        self.print(self.hear(time), price, quantity, side)

    def print(self, time, price, quantity, side=0):
        self.reach(time)
        if not 0 < price < PRICE_MAX or not 0 < quantity < QUANTITY_MAX:
            self.refused += 1
            return
        if self.last and price != self.last:
            self.direction = 1 if price > self.last else -1
        sign = side
        if sign == 0 or not self.trust:
            beyond = 0 if self.quote is None else 2 * price - self.mid2()
            sign = (beyond > 0) - (beyond < 0) or self.direction
        if self.last:
            self.change_list.append(price - self.last)
        self.last = price
        trade = (self.now, price, quantity, sign, self.mid2())
        self.trade_list.append(trade)
        self.bar["trades"].append(trade)
        self.arrivals.append(self.now)
        if sign == 0:
            return
        if self.quote is not None:
            for h in range(len(self.horizons)):
                self.waiting[h].append(trade)
                if len(self.waiting[h]) > self.room:
                    self.waiting[h].pop(0)
                    self.dropped[h] += 1
        self.watch(quantity, sign)

    def watch(self, quantity, sign):
        if self.run is None or self.run["key"] != (self.now, sign):
            quoted = self.quote is not None
            self.run = {
                "key": (self.now, sign), "taken": 0, "quoted": quoted,
                "touch": self.sides[1 if sign > 0 else 0][0][1] if quoted else 0,
                "spread": self.quote[1] - self.quote[0] if quoted else 0,
            }  # fmt: skip
        self.run["taken"] += quantity
        if self.sweep is None and self.run["quoted"] and self.run["taken"] >= self.share * self.run["touch"]:
            stood = self.bar["stood"] + (self.bar_list[-1]["stood"] if self.bar_list else [])
            time = sum(t for _, _, t in stood)
            usual = sum(s * t for s, _, t in stood) // time if time else 0
            base = max(usual, self.run["spread"])
            self.sweep = {"time": self.now, "base": base, "excess": [0] * len(self.delays), "area": 0}

    def follow_sweep(self, until):
        s, begin = self.sweep, self.since
        if self.quote is None:
            self.sweep = None
            self.lost += 1
            return
        excess = self.quote[1] - self.quote[0] - s["base"]
        for k, delay in enumerate(self.delays):
            if begin <= s["time"] + delay < until:
                s["excess"][k] = excess
        end = s["time"] + self.delays[-1]
        s["area"] += excess * max(0, min(until, end) - max(begin, s["time"]))
        if until > end:
            self.swept.append(s)
            if s["excess"][0] > 0:
                self.widened.append(s)
            self.sweep = None

    # -- bars

    def classify(self):
        if not self.bucket or not self.bar["trades"]:
            return
        close = self.bar["trades"][-1][1]
        if not self.vpin_close:
            self.vpin_close = close
            return
        move = (close - self.vpin_close) / 1e9
        self.vpin_close = close
        self.moves.append(move)
        sigma = self.sigma
        if sigma == 0.0:
            n = len(self.moves)
            if n < 2:
                return
            exact = [Fraction(m) for m in self.moves]
            mean = sum(exact) / n
            sigma = math.sqrt(sum((m - mean) ** 2 for m in exact) / (n - 1))
        share = 0.5 if sigma == 0.0 else 0.5 * math.erfc(-move / sigma / math.sqrt(2.0))
        left = float(sum(t[2] for t in self.bar["trades"]))
        while left > 0:
            part = min(left, self.bucket - self.filled)
            self.filled += part
            self.bought += part * share
            left -= part
            if self.filled >= self.bucket:
                self.bucket_list.append(abs(2 * self.bought - self.filled))
                self.filled = self.bought = 0.0

    # -- out

    def state(self):
        quoted = [t for t in self.trade_list if t[3] and t[4]]
        spread = lambda t, mid2: 2.0 * t[3] * (2 * t[1] - mid2) / t[4]  # noqa: E731
        money = lambda t: t[1] * t[2] / 1e9  # noqa: E731
        window = self.change_list[-self.kept_changes :]
        mu, alpha, beta = self.hawkes or (0.0, 0.0, 1.0)
        log, excited = 0.0, 0.0
        if self.hawkes:
            at = self.began
            for time in self.arrivals:
                excited *= math.exp(-beta * (time - at) * 1e-9)
                log += math.log(mu + alpha * excited)
                excited += 1.0
                at = time
        return {
            "began_ns": self.began, "now_ns": self.now, "since_ns": 0 if self.since is None else self.since,
            "messages": self.messages, "late": self.late, "breaks": self.breaks, "refused": self.refused,
            "quoted": self.quote is not None, "spread_e9": 0 if self.quote is None else self.quote[1] - self.quote[0],
            "mid2_e9": self.mid2(),
            "relative": 0.0 if self.quote is None else 2.0 * (self.quote[1] - self.quote[0]) / self.mid2(),
            "quoted_ns": sum(t for _, _, t in self.stood), "spread_ns": sum(s * t for s, _, t in self.stood),
            "relative_ns": math.fsum(2.0 * s / m * t for s, m, t in self.stood),
            "levels": [list(rows) for rows in self.sides], "ofi": list(self.ofi),
            "buys": sum(t[3] > 0 for t in self.trade_list), "sells": sum(t[3] < 0 for t in self.trade_list),
            "unsigned": sum(t[3] == 0 for t in self.trade_list),
            "buy_volume": sum(t[2] for t in self.trade_list if t[3] > 0),
            "sell_volume": sum(t[2] for t in self.trade_list if t[3] < 0),
            "volume": sum(t[2] for t in self.trade_list), "last_e9": self.last, "direction": self.direction,
            "notional_e9": sum(t[1] * t[2] for t in self.trade_list),
            "effective_count": len(quoted), "effective_volume": sum(t[2] for t in quoted),
            "effective_cost_e9": sum(t[3] * (2 * t[1] - t[4]) * t[2] for t in quoted),
            "weight": math.fsum(map(money, quoted)),
            "weighted_effective": math.fsum(money(t) * spread(t, t[4]) for t in quoted),
            "effective": math.fsum(spread(t, t[4]) for t in quoted),
            "realized": [{
                "count": len(done), "unquoted": self.unquoted[h], "dropped": self.dropped[h],
                "waiting": len(self.waiting[h]),
                "weight": math.fsum(money(t) for t, _ in done),
                "weighted_effective": math.fsum(money(t) * spread(t, t[4]) for t, _ in done),
                "weighted_realized": math.fsum(money(t) * spread(t, m) for t, m in done),
                "effective": math.fsum(spread(t, t[4]) for t, _ in done), "realized": math.fsum(spread(t, m) for t,
                m in done),
            } for h, done in enumerate(self.matured)],
            "changes": len(window), "change_sum_e9": sum(window),
            "change_product_e18": sum(a * b for a, b in pairwise(window)),
            "change_first_e9": window[0] if window else 0, "change_last_e9": window[-1] if window else 0,
            "bars": len(self.bar_list), "vpin_changes": len(self.moves), "bucket_volume": self.filled,
            "bucket_buys": self.bought, "buckets": len(self.bucket_list),
            "hawkes_ns": (self.arrivals[-1] if self.arrivals and self.hawkes else self.began) or 0,
            "hawkes_count": len(self.arrivals) if self.hawkes else 0, "hawkes_sum": excited, "hawkes_log": log,
            "recovering": self.sweep is not None, "sweeps": len(self.swept), "widened": len(self.widened),
            "sweeps_lost": self.lost,
            "excess_e9": [sum(s["excess"][k] for s in self.widened) for k in range(len(self.delays))],
            "excess_ns": sum(s["area"] for s in self.widened),
        }  # fmt: skip

    def bars(self):
        """Each closed bar that is kept, as a dict by the names of BAR_DTYPE; None where there is no number."""
        out = []
        for b in self.bar_list[-self.kept_bars :]:
            prices = [t[1] for t in b["trades"]]
            time = sum(t for _, _, t in b["stood"])
            out.append({
                "start_ns": b["start_ns"], "open_e9": prices[0] if prices else -(1 << 63),
                "high_e9": max(prices, default=-(1 << 63)),
                "low_e9": min(prices, default=-(1 << 63)), "close_e9": prices[-1] if prices else -(1 << 63),
                "volume": sum(t[2] for t in b["trades"]), "buy_volume": sum(t[2] for t in b["trades"] if t[3] > 0),
                "sell_volume": sum(t[2] for t in b["trades"] if t[3] < 0), "trades": len(prices), "ofi": b["ofi"],
                "quoted_ns": time, "whole": int(b["whole"]), "notional": sum(t[1] * t[2] for t in b["trades"]) / 1e9,
                "mid_open": b["mid2_open"] / 2e9 if b["mid2_open"] else math.nan,
                "mid_close": b["mid2_close"] / 2e9 if b["mid2_close"] else math.nan,
                "spread": sum(s * t for s, _, t in b["stood"]) / time / 1e9 if time else math.nan,
                "spread_bps": math.fsum(2.0 * s / m * t for s, m, t in b["stood"]) / time * 1e4 if time else math.nan,
                "depth": b["depth"],
            })  # fmt: skip
        return out


class BookFed(Flow):
    """The same fed by a feed's rows through a book (any object with `apply(row)` and `side(s, n)`), an event at a time.

    Rows of one sequence are one event, or what comes up to a row flagged LAST: its quote is the book's after its last
    row.
    """

    def __init__(self, book, **options):
        super().__init__(**options)
        self.book = book
        self.open_event = None  # sequence of rows whose quote has not been taken
        self.event_ns = None

    def take_quote(self):
        if self.open_event is not None:
            self.open_event = None
            self.show(self.event_ns, {s: self.book.side(s, self.n) for s in (0, 1)})

    def row(self, m):
        if self.open_event is not None and (m["sequence"] == 0 or m["sequence"] != self.open_event):
            self.take_quote()
        self.messages += 1
        self.event_ns = self.hear(int(m["time_ns"]))
        resting = self.book.resting(m["order_id"])  # (side, price_e9) or None
        side = int(m["side"]) if m["side"] in (1, -1) else 0
        if m["action"] in (EXECUTE, HIDDEN, TRADE) and not m["flags"] & UNPRINTED:
            price = int(m["price_e9"])
            if m["action"] == EXECUTE:
                side = resting[0] if resting else side
                if price <= 0:
                    price = resting[1] if resting else 0
            self.print(self.event_ns, price, int(m["quantity"]), -side)
        self.book.apply(m)
        self.open_event = int(m["sequence"])
        if m["flags"] & LAST and m["action"] != HALT:
            self.take_quote()

    def end(self):
        self.take_quote()
        if self.heard is not None:
            self.reach(self.heard)
