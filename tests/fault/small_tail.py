"""Memory for tails that is too small for one, in a mount namespace. Arguments: its directory, the journal's."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from support_fault import config

from grandmodel.execution._core.values import JournalError
from grandmodel.execution.order_management.order_manager import OrderManager


def main(directory, journal):
    Path(directory).mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", directory], capture_output=True).returncode:
        print("a tmpfs cannot be mounted here", file=sys.stderr)
        return 77
    try:
        OrderManager(config(journal, directory)).core.health()
    except JournalError as error:
        said = str(error)
    else:
        raise AssertionError("an engine without room for its tail was made")
    assert directory in said, said
    assert ".tail" in said, said
    assert "No space left" in said, said
    assert "journal.tail" in said, said
    assert not list(Path(directory).iterdir())
    subprocess.run(["mount", "-o", "remount,size=8m", directory], check=True)
    om = OrderManager(config(journal, directory))  # with room it is made, from what the first try has left
    assert om.core.health()["accepting"]
    om.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
