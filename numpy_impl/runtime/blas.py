"""BLAS on one thread for a while, without another thread's numbers changing for it.

The number of threads of a BLAS library is a setting of the whole process, and a matrix product on two threads may be
rounded otherwise than on one. Hence products and the setting take turns: any number of `undisturbed` functions run side
by side, and `one_thread` waits until they have ended and holds back new ones. A fork waits for them too, since a child
process inherits the locks of BLAS as they are, but none of the threads that would release them.
"""

import contextlib
import functools
import os
import threading
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _Here(threading.local):
    """Of each thread: whether it already has its turn, so that what it calls meanwhile need not wait for one."""

    has_turn = False


_here = _Here()
_computing: set[int] = (
    set()
)  # the threads inside an undisturbed function; a set, so that no interrupt can miscount them
_turn = threading.Lock()  # held for as long as no new function may begin
_ended = threading.Event()  # set when a function ends


def undisturbed(f: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """The same function, during which BLAS keeps its number of threads."""

    @functools.wraps(f)
    def call(*arguments: Arguments.args, **options: Arguments.kwargs) -> Result:
        if _here.has_turn:
            return f(*arguments, **options)
        thread = threading.get_ident()
        try:
            _here.has_turn = True
            with _turn:
                _computing.add(thread)
            return f(*arguments, **options)
        finally:
            _computing.discard(thread)
            _here.has_turn = False
            if change_is_due():
                _ended.set()

    return call


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread inside a `with` block, alone; afterwards it has the number that it had before."""
    if _here.has_turn:
        raise RuntimeError("one_thread: expected a thread outside of the operations, got one inside")
    with _turn:
        try:
            _here.has_turn = True
            _wait_for_all()
            with libraries().limit(limits=1):
                yield
        finally:
            _here.has_turn = False


def change_is_due() -> bool:
    """Whether `one_thread` has its turn or waits for it."""
    return _turn.locked()


def join_turn() -> None:
    """Let this thread compute in the turn of the thread that has one: for the helpers of `parallel`."""
    _here.has_turn = True


@functools.cache
def libraries() -> ThreadpoolController:
    """The BLAS libraries that are loaded, with control of their numbers of threads."""
    return ThreadpoolController().select(user_api="blas")


def _wait_for_all() -> None:
    while _computing:
        _ended.clear()
        if _computing:
            _ended.wait(timeout=0.1)  # and look again, should an interrupt have cut a thread off before `set`


def _before_fork() -> None:
    if not _here.has_turn:
        _turn.acquire()
        _wait_for_all()


def _after_fork_in_parent() -> None:
    if not _here.has_turn:
        _turn.release()


def _after_fork_in_child() -> None:
    """Begin anew: of all threads, only the one that called fork is here."""
    global _turn, _ended
    _computing.clear()
    _turn, _ended = threading.Lock(), threading.Event()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
