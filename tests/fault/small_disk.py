"""A journal on a file system of 2 MB that fills up, in a mount namespace. Arguments: directory, tails, space or die."""

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from support_fault import KILLED, Nursery, check_recovery, config, said, words


def main(directory, tails, then):
    Path(directory).mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2300k", "none", directory], capture_output=True).returncode:
        print("a tmpfs cannot be mounted here", file=sys.stderr)
        return 77
    disk = Path(directory)
    settings = config(disk / "j", tails, "group", segment_bytes=1 << 18)
    ballast = disk / "ballast"
    ballast.write_bytes(bytes(600_000))
    acks = disk.parent / "acks"
    with Nursery() as nursery:
        code = nursery.run(
            "fill", config=settings, acks=acks, seed=1, name="f", then=then,
            remove=[str(ballast)] if then == "space" else [],
        )  # fmt: skip
    lines = said(acks)
    assert code == (KILLED if then == "die" else 0), lines[-1]
    health = words(lines, "health")[0][0]
    assert (health["accepting"], health["journal"]) == (False, "full"), json.dumps(health)
    if then == "space":
        assert words(lines, "again") == [["healthy"]]
        assert lines[-1] == ["closed"], lines[-1]
    else:
        ballast.unlink()
    (disk.parent / "scratch").mkdir()
    check_recovery(disk / "j", tails, settings, lines, disk.parent / "scratch")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
