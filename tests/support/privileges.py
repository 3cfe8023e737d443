"""Runs a block as a user for whom the permissions of files hold, even where the tests run as root."""

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

import pytest

VERSION = 0x20080522
"""Of the kernel's interface: two words for each set of capabilities."""
OVERRIDES = 1 << 1 | 1 << 2 | 1 << 3
"""Of root: writing and reading whatever the permissions say, and what belongs to others."""


class Header(ctypes.Structure):
    """What the kernel wants first: its interface's version, and the thread, 0 for this one."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


Sets = ctypes.c_uint32 * 6
"""Effective, permitted and inheritable capabilities, the lower words first."""


@contextlib.contextmanager
def permissions_hold() -> Iterator[None]:
    """Take from this thread, if it is root's, what lets it pass over permissions; skip the test where that fails."""
    if os.name != "posix":
        pytest.skip("permissions as POSIX has them")
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may do everything")
    libc, header, before = ctypes.CDLL(None, use_errno=True), Header(VERSION, 0), Sets()
    if libc.capget(ctypes.byref(header), before):
        pytest.skip("the capabilities of this process are unknown")
    less = Sets(*before)
    less[0] &= ~OVERRIDES
    if libc.capset(ctypes.byref(header), less):
        pytest.skip("the capabilities of this process cannot be changed")
    try:
        yield
    finally:
        assert libc.capset(ctypes.byref(header), before) == 0
