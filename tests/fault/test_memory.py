"""What recovery of a long log costs in memory: closed orders are counted, not kept."""

import subprocess
import sys
from pathlib import Path

from support_fault import LONG, linux_only

pytestmark = linux_only
ORDERS = 1_000_000 if LONG else 100_000
MOST_KB = 16 * 1024

_WRITE = """
import sys
sys.path.insert(0, sys.argv[1])
from support_fault import config
from grandmodel.execution.order_management.order_manager import OrderManager
om = OrderManager({**config(sys.argv[2], sys.argv[3], segment_bytes=1 << 26, snapshot_records=0),
                   "retention": {"closed_orders": 16384}, "risk_controls": {}})
core = om.core
rows = om.core.order_rows(10_000)
rows["symbol"] = core.instruments.symbols.number("AAPL")
rows["side"] = 1
rows["quantity"] = 1
rows["order_type"] = 2
rows["limit_price_e9"] = 20 * 10**9
rows["time_in_force"] = 3
left = int(sys.argv[4])
while left > 0:
    out = om.submit_orders(rows)
    assert (out > 0).all(), out[out < 0][:3]
    left -= len(rows)
assert not om.open_orders()
om.close()
"""
_READ = """
import sys, gc
sys.path.insert(0, sys.argv[1])
from support_fault import config
from grandmodel.execution.order_management.order_manager import OrderManager

def anonymous():
    gc.collect()
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))

def engine(path):
    made = OrderManager({**config(path, sys.argv[3], segment_bytes=1 << 26, snapshot_records=0),
                         "retention": {"closed_orders": 16384}, "risk_controls": {}})
    made.core.health()
    return made

small = engine(sys.argv[2] + "-small")      # what any engine costs
small.close()
del small
before = anonymous()
om = engine(sys.argv[2])
assert om.core.statistics()["accepted"] >= int(sys.argv[4])
print(anonymous() - before)
om.close()
"""


def test_recovery_of_closed_orders_grows_little(tmp_path, tails):
    given = [str(Path(__file__).parents[1]), str(tmp_path / "j"), tails, str(ORDERS)]
    subprocess.run([sys.executable, "-c", _WRITE, *given], check=True, timeout=300)
    done = subprocess.run([sys.executable, "-c", _READ, *given], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    grown = int(done.stdout.split()[-1])
    assert grown < MOST_KB, f"{grown} kB of anonymous memory more after the recovery of {ORDERS} closed orders"
