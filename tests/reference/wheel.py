"""Permuted blocks from their definition: seed, key and the number of the order, and nothing else."""

import hashlib

import numpy as np


def allocation(block, seed, key, number):
    """The arm of the `number`-th order of a key; `block`: each arm as often as it comes in one."""
    digest = hashlib.blake2b(f"{seed}/{key!r}/{number // len(block)}".encode(), digest_size=8).digest()
    shuffled = np.random.default_rng(int.from_bytes(digest, "big")).permutation(len(block))
    return block[int(shuffled[number % len(block)])]
