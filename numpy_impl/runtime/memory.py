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


def _references(blocks: list[np.ndarray], i: int) -> int:
    return sys.getrefcount(blocks[i])


_UNSEEN = _references([np.empty(0, np.uint8)], 0)  # what a block counts that only its list refers to
_pool = _Pool()


def empty(shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """An uninitialised C-contiguous array like `np.empty(shape, dtype)`, from recycled memory where there is some."""
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if nbytes < SMALLEST:
        return np.empty(shape, dtype)
    blocks = _pool.blocks.setdefault(nbytes, [])
    for i in range(len(blocks)):
        if _references(blocks, i) == _UNSEEN:
            return blocks[i].view(dtype).reshape(shape)
    release(IDLE_LIMIT)
    _pool.blocks.setdefault(nbytes, []).append(np.empty(nbytes, np.uint8))
    return _pool.blocks[nbytes][-1].view(dtype).reshape(shape)


def contiguous(x: np.ndarray) -> np.ndarray:
    """`np.ascontiguousarray`, from recycled memory."""
    if x.flags.c_contiguous:
        return x
    y = empty(x.shape, x.dtype)
    y[...] = x
    return y


def release(limit: int = 0) -> None:
    """Give this thread's idle blocks back to the system if together they hold more than `limit` bytes."""
    in_use = {
        nbytes: [blocks[i] for i in range(len(blocks)) if _references(blocks, i) > _UNSEEN]
        for nbytes, blocks in _pool.blocks.items()
    }
    idle = sum(nbytes * (len(blocks) - len(in_use[nbytes])) for nbytes, blocks in _pool.blocks.items())
    if idle > limit:
        _pool.blocks = {nbytes: blocks for nbytes, blocks in in_use.items() if blocks}
