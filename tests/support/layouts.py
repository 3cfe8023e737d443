"""The same numbers in other places of memory."""

import numpy as np

LAYOUTS = ("C", "Fortran", "channels last", "every second", "backwards", "transposed")


def laid_out(x, layout):
    """The same numbers, differently placed in memory, and read-only."""
    if x.ndim == 0:
        layout = "C"
    if layout == "Fortran":
        x = np.asfortranarray(x)
    elif layout == "channels last":
        x = np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1) if x.ndim > 1 else x
    elif layout == "every second":
        wide = np.full(tuple(2 * size for size in x.shape), np.nan, x.dtype)
        wide[tuple(slice(None, None, 2) for _ in x.shape)] = x
        x = wide[tuple(slice(None, None, 2) for _ in x.shape)]
    elif layout == "backwards":
        backwards = tuple(slice(None, None, -1) for _ in x.shape)
        x = x[backwards].copy()[backwards]
    elif layout == "transposed":
        x = np.swapaxes(np.ascontiguousarray(np.swapaxes(x, -1, -2)), -1, -2) if x.ndim > 1 else x
    x = x.view()
    x.setflags(write=False)
    return x
