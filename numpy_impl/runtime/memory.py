"""Reuses the memory of arrays that are no longer referenced: `empty(shape, dtype)` in place of `np.empty`.

A training step allocates the same few large arrays every time. The operating system maps fresh memory page by page at
the first access, which takes longer than all arithmetic of this model between the matrix products; recycled memory
has no such cost and is often still in the cache. A block is reused only when its reference count shows that no array,
and no view of one, refers to it. Functions that call `empty` therefore stay pure.
"""

import math
import sys
import threading

import numpy as np

SMALLEST = 1 << 16  # bytes; smaller arrays come from np.empty, which is as fast for them
IDLE_LIMIT = 1 << 28  # bytes of idle blocks that are kept for later calls


class _Pool(threading.local):
    """One thread's blocks by size in bytes. Every array that `empty` returns is a view of a block and refers to it."""

    def __init__(self) -> None:
        self.blocks: dict[int, list[np.ndarray]] = {}


def _references(blocks: list[np.ndarray], i: int) -> int:
    return sys.getrefcount(blocks[i])


_UNUSED = _references([np.empty(0, np.uint8)], 0)  # the reference count of a block that only its list refers to
_pool = _Pool()


def empty(shape: tuple[int, ...], dtype: np.dtype | type) -> np.ndarray:
    """An uninitialised C-contiguous array like `np.empty(shape, dtype)`, in recycled memory if a block is free."""
    nbytes = math.prod(shape) * np.dtype(dtype).itemsize
    if nbytes < SMALLEST:
        return np.empty(shape, dtype)
    blocks = _pool.blocks.setdefault(nbytes, [])
    for i in range(len(blocks)):
        if _references(blocks, i) == _UNUSED:
            return blocks[i].view(dtype).reshape(shape)
    release(IDLE_LIMIT)
    _pool.blocks.setdefault(nbytes, []).append(np.empty(nbytes, np.uint8))
    return _pool.blocks[nbytes][-1].view(dtype).reshape(shape)


def contiguous(x: np.ndarray) -> np.ndarray:
    """`np.ascontiguousarray`, in recycled memory."""
    if x.flags.c_contiguous:
        return x
    y = empty(x.shape, x.dtype)
    y[...] = x
    return y


def release(limit: int = 0) -> None:
    """Free this thread's idle blocks if together they hold more than `limit` bytes."""
    in_use = {
        nbytes: [blocks[i] for i in range(len(blocks)) if _references(blocks, i) > _UNUSED]
        for nbytes, blocks in _pool.blocks.items()
    }
    idle = sum(nbytes * (len(blocks) - len(in_use[nbytes])) for nbytes, blocks in _pool.blocks.items())
    if idle > limit:
        _pool.blocks = {nbytes: blocks for nbytes, blocks in in_use.items() if blocks}
