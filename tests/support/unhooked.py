"""Rung 1's modules without the shape checks that the tests add, which would answer in the operations' place."""

import importlib.util
import sys
from types import ModuleType

import pytest

from numpy_impl import functional, vae_numpy
from numpy_impl.runtime import arguments


def unhooked_functional() -> ModuleType:
    """`numpy_impl.functional` as its users import it."""
    return _without_hooks(arguments, functional)


def unhooked_vae() -> ModuleType:
    """`numpy_impl.vae_numpy` as its users import it."""
    return _without_hooks(arguments, functional, vae_numpy)


def _without_hooks(*modules: ModuleType) -> ModuleType:
    """The last of some modules, of which each imports the ones before it."""
    with pytest.MonkeyPatch.context() as patch:
        for hooked in modules:
            spec = importlib.util.spec_from_file_location(hooked.__name__, hooked.__file__)
            module = importlib.util.module_from_spec(spec)
            patch.setitem(sys.modules, hooked.__name__, module)
            spec.loader.exec_module(module)
    return module
