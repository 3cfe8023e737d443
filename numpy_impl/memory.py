"""New arrays from old memory: `empty` hands out a block again once nobody can see it any more.

A training step asks for the same few large arrays every time. Fresh memory from the operating system is paid
for page by page at first touch, which costs this model more than its arithmetic does between the matrix
products; memory that was used a moment ago is free and often still in cache. So the operations of this rung call
`empty(shape, dtype)` where they would call `np.empty`, and stay pure functions: a block is handed out
again only when its reference count says that no array, and no view of one, is left that could show it.
"""

import math
import sys
import threading

import numpy as np

SMALLEST = 1 << 16  # bytes; below this the allocator of C is as good
IDLE_LIMIT = 1 << 28  # bytes of idle memory kept for the next step before it is given back


class _Pool(threading.local):
    """One thread's blocks by size in bytes. An array handed out is a view: it holds a reference to its block."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[np.ndarray]] = {}


_pool = _Pool()


def _idle(blocks: list[np.ndarray]) -> np.ndarray | None:
    for block in blocks:
        if sys.getrefcount(block) == _UNSEEN:
            return block
    return None


def _references_of_an_unseen_block() -> int:
    # What `_idle` counts for a block that only its list refers to; interpreters differ, so it is measured.
    for block in [np.empty(0, np.uint8)]:
        return sys.getrefcount(block)
    raise AssertionError


_UNSEEN = _references_of_an_unseen_block()


def empty(shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """An uninitialised C-contiguous array like `np.empty(shape, dtype)`, from recycled memory where there is some."""
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if nbytes < SMALLEST:
        return np.empty(shape, dtype)
    blocks = _pool.blocks.setdefault(nbytes, [])
    block = _idle(blocks)
    if block is None:
        release(IDLE_LIMIT)
        block = np.empty(nbytes, np.uint8)
        _pool.blocks.setdefault(nbytes, []).append(block)
    return block.view(dtype).reshape(shape)


def release(limit: int = 0) -> None:
    """Give this thread's idle blocks back to the system if together they hold more than `limit` bytes."""
    idle = {
        nbytes: sum(sys.getrefcount(block) == _UNSEEN for block in blocks) for nbytes, blocks in _pool.blocks.items()
    }
    if sum(nbytes * count for nbytes, count in idle.items()) > limit:
        for nbytes in idle:
            _pool.blocks[nbytes] = [b for b in _pool.blocks[nbytes] if sys.getrefcount(b) > _UNSEEN]
