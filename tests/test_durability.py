"""When an order is acknowledged, when it is on the disk, and when a venue hears of it."""

import asyncio
import re
import threading
from pathlib import Path

import pytest
from reference import journal as plain

from grandmodel.execution import OrderManager, clock
from grandmodel.execution._core.store import read_mark
from grandmodel.execution._core.values import EngineClosed, JournalError, OrderRejected, OrderStatus, Reason

ROOT = Path(__file__).resolve().parents[1]
RESTING = {"symbol": "AAPL", "side": "buy", "quantity": 100, "order_type": "limit", "limit_price": 1.0}


def manager(path, durability, **more):
    return OrderManager({"journal": {"path": str(path), "durability": durability, **more}})


def test_one_place_sends_to_a_venue():
    """The door (gm_engine_send), and the market that only passes on what came through it."""
    found = []
    for file in sorted((ROOT / "cext").rglob("*.[ch]")) + sorted((ROOT / "cext").rglob("*.pyx")):
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if re.search(r"(->|\.)(submit|cancel|restore|replace)\((e->market|market|r->inner|self\.market)", line):
                found.append((file.name, number, line.strip()))
    sends = [entry for entry in found if entry[0] != "remote.h"]
    assert [name for name, _, _ in sends] == ["engine_state.h"] * 4, sends
    text = (ROOT / "cext" / "include" / "engine_state.h").read_text()
    begin = text.index("static inline void gm_engine_send(")
    assert all(line in text[begin : text.index("\n}\n", begin)] for _, _, line in sends)
    assert all("r->inner" in line for name, _, line in found if name == "remote.h")


def test_process_acknowledges_at_once_and_forces_when_asked(tmp_path):
    om = manager(tmp_path / "log", "process")

    async def main():
        ticket = om.submit_order(RESTING)
        assert ticket.status is OrderStatus.NEW
        assert await ticket == 1
        assert om.core.journal.forced == 0
        assert await ticket.durable() == 1
        assert om.core.journal.forced >= om.core.journal.find(1)[1]

    asyncio.run(main())
    om.close()


def test_group_is_forced_within_its_interval(tmp_path):
    om = manager(tmp_path / "log", "group", group_interval_ms=5)
    ticket = om.submit_order(RESTING)
    assert ticket.status is OrderStatus.NEW
    position = om.core.journal.head
    forced = threading.Event()

    def watch():
        while om.core.journal.forced < position:
            forced.wait(0.001)
        forced.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    watcher.join(30)
    assert forced.is_set()
    assert read_mark(om.core.journal.path).forced <= om.core.journal.forced
    om.close()


def test_always_sends_only_what_is_on_the_disk(tmp_path):
    om = manager(tmp_path / "log", "always")
    core = om.core
    seen = []

    async def main():
        for _ in range(20):
            ticket = om.submit_order({**RESTING, "quantity": 1})
            seen.append(core.get_order(ticket.order_id).status)
            order_id = await ticket
            assert core.get_order(order_id).status is OrderStatus.NEW
            assert core.journal.forced >= core.journal.find(order_id)[0] + 128 + 256
        many = [om.submit_order({**RESTING, "quantity": 2}) for _ in range(50)]
        assert [await each for each in many] == list(range(21, 71))
        cancels = [om.submit_order({**RESTING, "quantity": 3}) for _ in range(3)]
        om.cancel_order(cancels[0])         # not sent yet: order and cancel leave in this order
        assert [await each for each in cancels] == [71, 72, 73]
        done = await cancels[0].done()
        assert done.status is OrderStatus.CANCELED

    asyncio.run(main())
    assert OrderStatus.PENDING_NEW in seen
    # In the log, a venue's first word on an order stands behind what had been forced before it was sent.
    om.close()
    kinds = [(kind, order_id) for kind, _, order_id, _ in plain.read(tmp_path / "log")]
    for order_id in (1, 30, 72):
        assert kinds.index((2, order_id)) < kinds.index((4, order_id))


def test_always_without_a_loop(tmp_path):
    om = manager(tmp_path / "log", "always")
    ticket = om.submit_order(RESTING)
    om.force()
    assert ticket.status is OrderStatus.NEW
    late = om.submit_order(RESTING)
    om.close()                  # what is held is forced and sent before the journal ends
    assert late.status is OrderStatus.NEW
    with pytest.raises(EngineClosed):
        om.submit_order(RESTING)


def test_several_loops_wait_for_one_disk(tmp_path):
    om = manager(tmp_path / "log", "always")
    om.submit_order(RESTING)
    om.force()
    said = []

    def work():
        async def main():
            for _ in range(10):
                said.append(await om.submit_order(RESTING))
                await om.submit_order(RESTING).durable()

        asyncio.run(main())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(said)) == 40
    om.close()


def test_in_simulated_time_durable_forces_on_the_spot(tmp_path):
    async def main():
        om = manager(tmp_path / "log", "always")
        ticket = om.submit_order(RESTING)
        assert ticket.status is OrderStatus.NEW         # nobody waits for a disk here
        assert await ticket.durable() == ticket.order_id
        assert om.core.journal.forced == om.core.journal.head
        om.close()

    clock.run(main(), seed=1)


def test_a_temporary_journal_can_be_waited_for_too():
    om = OrderManager()

    async def main():
        return await om.submit_order(RESTING).durable()

    assert asyncio.run(main()) == 1


def test_a_journal_that_another_engine_has(tmp_path):
    om = manager(tmp_path / "log", "process")
    om.submit_order(RESTING)
    with pytest.raises(JournalError, match="another engine has this journal open"):
        manager(tmp_path / "log", "process").submit_order(RESTING)
    assert om.health()["accepting"]
    om.close()
    again = manager(tmp_path / "log", "process")
    assert [each.order_id for each in again.open_orders()] == [1]
    again.close()


def test_an_engine_that_was_fenced_refuses(tmp_path):
    om = manager(tmp_path / "log", "process")
    om.submit_order(RESTING)
    om.core.journal.flush()
    (tmp_path / "log" / "lock").unlink()            # somebody removes it by hand
    second = manager(tmp_path / "log", "process")
    second.submit_order(RESTING)
    with pytest.raises(OrderRejected) as refused:
        om.submit_order(RESTING)
    assert refused.value.reason is Reason.JOURNAL
    assert om.health()["journal"] == "fenced"
    assert "taken it over" in om.health()["trouble"]
    with pytest.raises(JournalError, match="taken it over"):
        om.close()
    assert second.submit_order(RESTING).order_id == 3
    second.close()
    assert [order_id for kind, _, order_id, _ in plain.read(tmp_path / "log") if kind == 2] == [1, 2, 3]
