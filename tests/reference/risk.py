"""The pre-trade checks from their definitions alone: 17 CFR 240.15c3-5 (c)(1), worst case over open orders.

Worst case of a symbol: L = position + open buys (+ the order if it buys), W = position - open sells (- the order if
it sells), the larger of |L| and |W|. Exposure is worst case times mark times multiplier. Sector, gross (leverage) and
single-name (concentration) exposure are compared with their fractions of equity, equity being cash and positions at
mark; gross exposure also with money, and so is net: the larger of |sum of L times mark| and |sum of W times mark|.
What does not raise such a figure passes. Exact: integers and fractions only. Money is in 1e-9, times in ns.

`plant` is (check, kind): an error put into one term of one check, for the tests that must notice it.
  limit  the comparison is "at or above" instead of "above"
  sign   a sell counts as a buy, and a buy as a sell
  side   open orders of the other side are taken
  open   open orders are left out
  raise  what does not raise the figure is refused too
  term   the other term that the check has (see each) is left out
"""

from dataclasses import dataclass, field
from fractions import Fraction


@dataclass
class Book:
    """What is held, open and known. symbols: {symbol: (sector, multiplier)}; quantities in steps, money in 1e-9."""

    symbols: dict
    cash_e9: int = 0
    positions: dict = field(default_factory=dict)
    open_orders: list = field(default_factory=list)  # (symbol, side, quantity, price_e9 or None)
    marks_e9: dict = field(default_factory=dict)
    traded_e9: int = 0
    orders: int = 0
    quotes: dict = field(default_factory=dict)  # symbol: (bid, ask, last, time), None where there is none
    halted: frozenset = frozenset()
    adv: dict = field(default_factory=dict)
    sent: list = field(default_factory=list)  # (symbol, side, quantity, price_e9 or None, time), oldest first
    now_ns: int = 0
    tick_e9: int = 1


class _Rules:
    def __init__(self, limits, book, symbol, side, quantity, price_e9, plant):
        self.limits, self.book, self.symbol, self.price_e9, self.plant = limits, book, symbol, price_e9, plant
        self.side, self.quantity = side, quantity
        self.sector, self.multiplier = book.symbols[symbol]
        self.out = set()

    def planted(self, check, kind):
        return self.plant == (check, kind)

    def over(self, check, figure, limit):
        if figure > limit or (self.planted(check, "limit") and figure == limit):
            self.out.add(check)

    def ends(self, check, symbol, with_order=True):
        """L and W of a symbol."""
        long = short = self.book.positions.get(symbol, 0)
        orders = [] if self.planted(check, "open") else self.book.open_orders
        flip = -1 if self.planted(check, "side") else 1
        signed = [(its, flip * side, quantity) for its, side, quantity, *_ in orders]
        if with_order:
            signed.append((self.symbol, self.side * (-1 if self.planted(check, "sign") else 1), self.quantity))
        for its, side, quantity in signed:
            if its == symbol and side > 0:
                long += quantity
            elif its == symbol:
                short -= quantity
        return long, short

    def worst(self, check, symbol, with_order=True):
        return max(map(abs, self.ends(check, symbol, with_order)))

    def exposure(self, check, symbol, with_order=True):
        return self.worst(check, symbol, with_order) * self.book.marks_e9.get(symbol, 0) * self.book.symbols[symbol][1]

    def raises(self, check, after, before):
        return after > before or self.planted(check, "raise")

    # ---- the portfolio

    def position(self):
        limits = self.limits
        limit = (limits.get("positions") or {}).get(self.symbol, limits.get("default_position"))
        after, before = self.worst("position", self.symbol), self.worst("position", self.symbol, False)
        if limit is not None and self.raises("position", after, before):
            self.over("position", after, limit)

    def order(self):
        limits, book = self.limits, self.book
        if (limit := limits.get("max_order_size")) is not None:
            self.over("order_size", self.quantity, limit)
        if (limit := limits.get("daily_orders")) is not None:
            self.over("daily_count", book.orders + (not self.planted("daily_count", "term")), limit)
        priced = {"notional": "max_notional_e9", "order_value": "max_order_value_e9", "daily_value": "daily_value_e9"}
        if self.price_e9 is None:
            if any(limits.get(name) is not None for name in priced.values()):
                self.out.add("price")
            return
        for check, name in priced.items():
            if (limit := limits.get(name)) is None:
                continue
            used = self.quantity * self.price_e9 * (1 if self.planted(check, "term") else self.multiplier)
            if check == "daily_value":
                opened = 0 if self.planted(check, "open") else sum(
                    q * p * book.symbols[s][1] for s, side, q, p in book.open_orders
                    if p is not None and not (self.planted(check, "side") and side < 0)
                )  # fmt: skip
                used = book.traded_e9 + opened + (0 if self.planted(check, "term") else used)
            self.over(check, used, limit)

    def exposures(self):
        limits, book = self.limits, self.book
        fraction = {
            "sector": (limits.get("sectors") or {}).get(self.sector, limits.get("default_sector")),
            "leverage": limits.get("max_leverage"), "concentration": limits.get("max_concentration"),
        }  # fmt: skip
        sectors_on = limits.get("sectors") or limits.get("default_sector") is not None
        money = {"gross_exposure": limits.get("max_gross_e9"), "net_exposure": limits.get("max_net_e9")}
        if not sectors_on and all(each is None for each in (*list(fraction.values())[1:], *money.values())):
            return
        unmarked = [each for each in book.symbols if self.worst("", each, False) and each not in book.marks_e9]
        if unmarked or self.symbol not in book.marks_e9:
            if self.worst("", self.symbol) > self.worst("", self.symbol, False):
                self.out.add("price")
            return
        for check, limit in (*fraction.items(), *money.items()):
            if limit is None:
                continue
            after, before = self.figure(check, True), self.figure(check, False)
            if not self.raises(check, after, before):
                continue
            if check in money:
                self.over(check, after, limit)
                continue
            held = {} if self.planted(check, "term") else book.positions
            equity = book.cash_e9 + sum(q * book.marks_e9[s] * book.symbols[s][1] for s, q in held.items() if q)
            self.over(check, after, max(0, equity) * Fraction(round(limit * 1e9), 10**9))

    def figure(self, check, with_order):
        book = self.book
        if check == "net_exposure":
            ends = {each: self.ends(check, each, with_order) for each in book.symbols}
            return max(
                abs(sum(ends[each][end] * book.marks_e9.get(each, 0) * book.symbols[each][1] for each in book.symbols))
                for end in ((0,) if self.planted(check, "term") else (0, 1))
            )
        if check == "concentration":
            return self.exposure(check, self.symbol, with_order)
        counted = [each for each in book.symbols if check != "sector" or book.symbols[each][0] == self.sector]
        if check == "gross_exposure" and self.planted(check, "term"):
            counted = [self.symbol]
        return sum(self.exposure(check, each, with_order) for each in counted)

    # ---- the order's conduct

    def shorts(self):
        for check, on in (("long_only", self.limits.get("long_only")), ("locate", self.locates)):
            if not on or (check == "long_only" and on is not True and self.symbol not in on):
                continue
            side = -self.side if self.planted(check, "sign") else self.side
            short = max(0, -self.ends(check, self.symbol)[1])
            limit = 0 if check == "long_only" else (self.limits.get("located") or {}).get(
                self.symbol, self.limits.get("default_located") or 0
            )  # fmt: skip
            if side < 0 or self.planted(check, "raise"):
                self.over(check, short, limit)

    @property
    def locates(self):
        return self.limits.get("located") is not None or self.limits.get("default_located") is not None

    def collar(self):
        limits = self.limits
        ticks, bps = limits.get("collar_ticks"), limits.get("collar_bps")
        if ticks is None and bps is None:
            return
        bid, ask, last, _ = self.book.quotes.get(self.symbol, (None,) * 4)
        side = -self.side if self.planted("price_collar", "sign") else self.side
        price = self.price_e9
        if price is None:
            taken = ask if (self.side > 0) != self.planted("price_collar", "side") else bid
            price = taken
        mid = None if bid is None or ask is None else bid + (ask - bid) // 2
        kind = limits.get("collar_reference", "mid")
        reference = {"mid": mid, "last": last, "mark": self.book.marks_e9.get(self.symbol)}[kind]
        if self.planted("price_collar", "term"):
            reference = last if kind == "mid" else mid
        if price is None or reference is None:
            self.out.add("price")
        elif ticks is not None:
            self.over("price_collar", side * (price - reference), ticks * self.book.tick_e9)
        else:
            self.over("price_collar", side * (price - reference) * 10**13, reference * round(bps * 1e9))

    def conduct(self):
        limits, book = self.limits, self.book
        if self.symbol in (limits.get("restricted") or ()) or (self.planted("restricted", "term") and limits.get("restricted")):
            self.out.add("restricted")
        if limits.get("halts") and (self.symbol in book.halted) != self.planted("halted", "term"):
            self.out.add("halted")
        if (age := limits.get("max_age_ns")) is not None:
            *prices, time = book.quotes.get(self.symbol, (None,) * 4)
            if time is None:
                self.out.add("stale_quote")
            else:
                self.over("stale_quote", book.now_ns - time, age)
        if (share := limits.get("max_volume")) is not None:
            adv = book.adv.get(self.symbol)
            if adv is None and not self.planted("daily_volume", "term"):
                self.out.add("daily_volume")
            elif adv is not None:
                self.over("daily_volume", self.quantity * 10**9, adv * round(share * 1e9))
        if (limit := limits.get("max_open_orders")) is not None:
            counted = len(book.open_orders) * (not self.planted("open_orders", "open"))
            self.over("open_orders", counted + (not self.planted("open_orders", "term")), limit)
        if (limit := limits.get("max_messages")) is not None:
            since = book.now_ns - limits.get("rate_ns", 10**9)
            inside = sum(1 for *_, time in book.sent if time > since or (self.planted("message_rate", "side") and time == since))
            self.over("message_rate", inside + (not self.planted("message_rate", "term")), limit)
        if (window := limits.get("duplicate_ns")) is not None:
            since = book.now_ns - window
            drop = {"sign": 1, "side": 1, "term": 2, "open": 3}  # a part of what makes two orders the same
            mine = [self.symbol, self.side, self.quantity, self.price_e9]
            dropped = next((place for kind, place in drop.items() if self.planted("duplicate", kind)), None)
            for *theirs, time in book.sent:
                same = all(a == b for place, (a, b) in enumerate(zip(mine, theirs, strict=True)) if place != dropped)
                if same and (time > since or (self.planted("duplicate", "limit") and time == since)):
                    self.out.add("duplicate")

    def all(self):
        self.position()
        self.order()
        self.exposures()
        self.shorts()
        self.collar()
        self.conduct()
        return self.out


def failed(limits, book, symbol, side, quantity, price_e9, plant=None):
    """The names of the failed checks. limits: the keywords of Limits.set, fractions as float."""
    return _Rules(limits, book, symbol, side, quantity, price_e9, plant).all()


def largest(limits, book, symbol, side, quantity, price_e9):
    """The largest quantity up to ``quantity`` that passes, by trying every one; none if the order repeats another."""
    if "duplicate" in failed(limits, book, symbol, side, quantity, price_e9):
        return 0
    fresh = {name: value for name, value in limits.items() if name != "duplicate_ns"}
    best = 0
    for each in range(1, quantity + 1):
        if failed(fresh, book, symbol, side, each, price_e9):
            break
        best = each
    return best
