"""Engines to be killed: a process that forks one child for each line of JSON on its standard input.

It runs with the shim (shim.c) loaded, if there is one; the child arms it. What a child has acknowledged it appends to a
file, a line at a time, after the engine has said so.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import random
import signal
import sys
import time

import grandmodel.execution
from grandmodel.execution._core.recovery import snapshot
from grandmodel.execution._core.values import JournalError, OrderRejected, OrderStateError, Reason
from grandmodel.execution.order_management import reconciliation  # noqa: F401 - loaded before the fork
from grandmodel.execution.order_management.order_manager import OrderManager
from grandmodel.execution.venues import links, process  # noqa: F401

_CALLS = ("pwrite", "write", "fdatasync", "fsync", "truncate", "create", "rename", "unlink", "map", "allocate", "send")
_ACTIONS = {"count": 0, "kill_before": 1, "kill_after": 2, "fail": 3, "fail_on": 4}


class Shim:
    """The calls between this process and the system; nothing happens without the library."""

    def __init__(self, ignored=-1):
        self._library = ctypes.CDLL(os.environ["LD_PRELOAD"]) if os.environ.get("LD_PRELOAD") else None
        self._ignored = ignored

    def arm(self, action="count", at=0, error="EIO", calls=_CALLS):
        mask = sum(1 << _CALLS.index(name) for name in calls)
        self._library.shim_arm(mask, ctypes.c_long(at), _ACTIONS[action], getattr(errno, error), self._ignored)

    def disarm(self):
        self._library.shim_arm(0, ctypes.c_long(0), 0, 0, self._ignored)

    def seen(self):
        return int(self._library.shim_seen())


class Acks:
    """The file of acknowledgements."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def say(self, *words):
        os.write(self.fd, (json.dumps(words) + "\n").encode())


def order_of(rng, client_order_id, *, wild):
    """A random order: `wild` ones may trade, others rest far from any market."""
    side = rng.choice(("buy", "sell"))
    order = {
        "symbol": rng.choice(("AAPL", "MSFT")), "side": side, "quantity": rng.randrange(1, 300),
        "order_type": "limit", "client_order_id": client_order_id, "tags": rng.choice(("red", "green", "blue")),
    }  # fmt: skip
    if wild and rng.random() < 0.4:
        order["order_type"] = "market"
    else:
        cents = rng.randrange(1000, 3000) if side == "buy" else rng.randrange(150_000, 170_000)
        order["limit_price"] = cents / 100
    return order


async def _work(om, acks, rng, name, count, *, wild, pause=0.0, durable=0.0, first=0, each=None):
    """Submits and cancels; every order id that came back is acknowledged, then perhaps awaited on the disk."""
    resting = []
    for index in range(first, first + count):
        core = om.core
        if core.links is not None or wild:
            core.advance()
        order = order_of(rng, f"{name}-{index}", wild=wild)
        try:
            ticket = om.submit_order(order)
        except OrderRejected as error:
            acks.say("refused", error.order_id, str(error))
            if core.journal.state not in ("healthy", "full"):
                raise
            continue
        acks.say("order", ticket.order_id, order)
        if rng.random() < durable:
            await ticket.durable()
            acks.say("durable", ticket.order_id)
        if order["order_type"] == "limit":
            resting.append(ticket.order_id)
        if resting and rng.random() < 0.2:
            number = resting.pop(rng.randrange(len(resting)))
            try:
                om.core.cancel(number)
                acks.say("cancel", number)
            except OrderStateError:
                pass
        if wild and rng.random() < 0.05:
            _parent(om, acks, rng)
        if each is not None:
            each(index)
        if pause and rng.random() < 0.2:
            await asyncio.sleep(rng.random() * pause)


def _parent(om, acks, rng):
    parent = om.core.submit_parent({"symbol": "AAPL", "side": "buy", "quantity": 500, "order_type": "market"}, "TWAP")
    acks.say("parent", parent.order_id)
    for _ in range(rng.randrange(1, 3)):
        price_e9 = rng.choice((20, 160)) * 10**9
        child = om.core.submit_child(parent.order_id, rng.randrange(1, 200), limit_price_e9=price_e9)
        acks.say("child", child.order_id, parent.order_id)


# ---- what a child may be told to do


def stream(task, acks, shim):
    """Orders without an end, until it is killed or `count` is reached; then a stop in order."""
    rng = random.Random(task["seed"])
    om = OrderManager(task["config"])
    core = om.core
    acks.say("open")
    for _ in range(200):  # without a quote there is nothing to price a market order with
        core.advance()
        if core.links is None or core.quote("MSFT").ask_e9 is not None:
            break
        time.sleep(0.002)
    durable = task.get("durable", 0.1)
    asyncio.run(_work(om, acks, rng, task["name"], task["count"], wild=True, pause=0.003, durable=durable))
    om.close()
    acks.say("closed")


def life(task, acks, shim):
    """One whole life of an engine, with the shim armed for the calls of all of it."""
    rng = random.Random(task["seed"])
    shim.arm(**task["shim"])
    om = OrderManager(task["config"])
    core = om.core
    acks.say("open")

    def each(index):
        if index % 8 == 7:
            core.journal.flush()
        if index % 40 == 39:
            core.force()
        if index % 60 == 59:
            snapshot(core)

    durable = task.get("durable", 0.05)
    asyncio.run(_work(om, acks, rng, task["name"], task["count"], wild=False, durable=durable, each=each))
    om.close()
    acks.say("closed")
    acks.say("seen", shim.seen())


def trouble(task, acks, shim):
    """Works in peace, then with the shim armed until orders are refused; says what state that is."""
    rng = random.Random(task["seed"])
    om = OrderManager(task["config"])
    core = om.core
    asyncio.run(_work(om, acks, rng, task["name"], 30, wild=False))
    core.force()
    shim.arm(**task["shim"])
    first = 30
    until = time.monotonic() + 20
    durable = task.get("durable", 0.0)
    last = first + 5 * task.get("batches", 10**6)  # where nothing is to fail
    while first < last and core.health()["accepting"] and time.monotonic() < until:
        with contextlib.suppress(OrderRejected, JournalError):
            asyncio.run(_work(om, acks, rng, task["name"], 5, wild=False, first=first, durable=durable))
        first += 5
        time.sleep(0.002)
    acks.say("health", core.health())
    try:
        om.submit_order(order_of(rng, f"{task['name']}-late", wild=False))
        acks.say("late", "taken")
    except OrderRejected as error:
        acks.say("late", str(error))
    acks.say("read", core.get_order(1).order_id, len(core.open_orders()), len(core.journal.rows(2)))
    if task.get("hammer"):
        _hammer(core, acks, task["hammer"])
    if task.get("then") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if task.get("then") == "space":
        shim.disarm()
        _go_on(om, acks, rng, task["name"], first, until, durable=0.5)
    _close(om, acks)


def _hammer(core, acks, count):
    """Refusals without an end: of orders that are sound, and of others whose fields are wrong."""
    rows = core.order_rows(count)
    rows["side"] = 1
    rows["quantity"] = 1
    rows["symbol"][: count // 2] = 0
    before = core.statistics()["refused"]
    codes = core.submit_rows(rows)
    counted = core.statistics()["refused"] - before
    acks.say("hammered", sorted({int(code) for code in codes}), counted, len(core.journal.rows(5)), core.journal.lost)
    room = core.journal.ring_bytes - (core.journal.head - core.journal.drained)
    acks.say("room", room, core.health()["journal"])
    with contextlib.suppress(OrderRejected):
        core.submit_parent({"symbol": "AAPL", "side": "buy", "quantity": 5, "order_type": "market"}, "TWAP")
    for number in [order.order_id for order in core.open_orders()][:5]:
        core.cancel(number)
        acks.say("cancel", number)


def _go_on(om, acks, rng, name, first, until, *, durable):
    """Waits until orders are taken again, says in which state that is, and works on."""
    while not om.core.health()["accepting"] and time.monotonic() < until:
        time.sleep(0.01)
    acks.say("again", om.core.health()["journal"])
    if om.core.health()["accepting"]:
        asyncio.run(_work(om, acks, rng, name, 20, wild=False, first=first, durable=durable))


def _close(om, acks):
    try:
        om.close()
        acks.say("closed")
    except JournalError as error:
        acks.say("not closed", str(error))


def fill(task, acks, shim):
    """Works until a real limit refuses: a full file system, or a limit on file sizes."""
    import resource

    rng = random.Random(task["seed"])
    om = OrderManager(task["config"])
    core = om.core
    if "file_size" in task:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (task["file_size"], resource.RLIM_INFINITY))
    first, until = 0, time.monotonic() + 20
    while core.health()["accepting"] and time.monotonic() < until:
        try:
            asyncio.run(_work(om, acks, rng, task["name"], 50, wild=False, first=first))
        except OrderRejected as refused:  # the writer met the limit while these were on their way
            if refused.reason is not Reason.JOURNAL:
                raise
        first += 50
        with contextlib.suppress(JournalError):
            core.journal.flush()
    acks.say("health", core.health())
    if task.get("then") == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    for name in task.get("remove", ()):
        os.unlink(name)
    if "file_size" in task:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    _go_on(om, acks, rng, task["name"], first, time.monotonic() + 2, durable=0.2)
    _close(om, acks)


def wait(task, acks, shim):
    """An engine that works until a file appears, says what it finds, and is closed."""
    rng = random.Random(task["seed"])
    om = OrderManager(task["config"])
    core = om.core
    asyncio.run(_work(om, acks, rng, task["name"], task["count"], wild=False))
    acks.say("ready", os.getpid())
    index = task["count"]
    while not os.path.exists(task["go"]):
        if task.get("busy"):
            try:
                ticket = om.submit_order(order_of(rng, f"{task['name']}-{index}", wild=False))
                acks.say("order", ticket.order_id, None)
                index += 1
            except OrderRejected:
                break
        else:
            time.sleep(0.005)
    try:
        om.submit_order(order_of(rng, f"{task['name']}-late", wild=False))
        acks.say("late", "taken")
    except OrderRejected as error:
        acks.say("late", str(error))
    try:
        core.cancel(1)
        acks.say("late cancel", "taken")
    except (OrderStateError, OrderRejected, JournalError) as error:
        acks.say("late cancel", str(error))
    acks.say("health", core.health())
    time.sleep(task.get("linger", 0.0))
    _close(om, acks)


JOBS = {"stream": stream, "life": life, "trouble": trouble, "fill": fill, "wait": wait}


def _child(task):
    acks = Acks(task["acks"])
    code = 0
    try:
        JOBS[task["job"]](task, acks, Shim(acks.fd))
    except BaseException as error:
        import traceback

        Shim(acks.fd).disarm() if os.environ.get("LD_PRELOAD") else None
        acks.say("error", type(error).__name__, str(error), traceback.format_exc())
        code = 1
    os._exit(code)


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert grandmodel.execution.OrderManager
    print("ready", flush=True)
    children = set()
    for line in sys.stdin:
        task = json.loads(line)
        if task["job"] == "end":  # of that child: wait for it
            _, status = os.waitpid(task["pid"], 0)
            children.discard(task["pid"])
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        pid = os.fork()
        if pid == 0:
            os.close(0)
            os.dup2(2, 1)
            _child(task)
        children.add(pid)
        print(pid, flush=True)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
