"""The explorer's modules in V8, with NumPy arrays going in and out, and wrong versions of them."""

import dataclasses
import json

import numpy as np
from py_mini_racer import MiniRacer

from ladder.explorer.page import bundle, read_file

MODULES = ("models", "networks", "random", "trainer", "vae", "weights")
ENTRY = "".join(f'import {{ {name} }} from "./{module}.js";\n' for module, name in {
    "models": "open_model, mask_of",
    "networks": "make_network",
    "random": "rng",
    "trainer": "open_trainer, trainer_of",
    "vae": "forward, loss, backward, init, train_step, sample, reconstruct",
    "weights": "numbers_of, parameters_of",
    "convolution": "array",
    "optim": "Adam",
}.items()) + """
Object.assign(globalThis, { open_model, mask_of, make_network, rng, open_trainer, trainer_of, forward, loss, backward });
Object.assign(globalThis, { init, train_step, sample, reconstruct, numbers_of, parameters_of, array, Adam });
"""  # fmt: skip


class Modules:
    """The modules of the explorer; `changes` replaces text in some of them: {module: (right, wrong)}."""

    def __init__(self, changes=None):
        changes = changes or {}

        def read(name):
            source = ENTRY if name == "entry.js" else read_file(name)
            if name not in changes:
                return source
            right, wrong = changes[name]
            assert source.count(right) == 1, f"{name}: expected one place with {right!r}"
            return source.replace(right, wrong)

        self.engine = MiniRacer()
        self.engine.eval(bundle("entry.js", read))

    def __call__(self, code):
        """The value of an expression: numbers and text as they are, typed arrays as NumPy's."""
        value = self.engine.eval(code)
        return value if not isinstance(value, memoryview) else value

    def json(self, code):
        """The value of an expression that JSON can hold."""
        return json.loads(self.engine.eval(f"JSON.stringify({code})"))

    def put(self, name, array):
        """A global Float32Array with the entries of an array; null for None."""
        if array is None:
            self.engine.eval(f"globalThis.{name} = null; 0")
            return
        view = self.engine.eval(f"globalThis.{name} = new Float32Array({array.size})")
        if array.size:
            np.frombuffer(view, np.float32)[:] = array.ravel()

    def get(self, code, kind=np.float32):
        """A typed array as NumPy's, flat."""
        return np.frombuffer(self.engine.eval(code), kind).copy()

    def put_parameters(self, parameters):
        """A global object `parameters` of arrays by name."""
        self.engine.eval("globalThis.parameters = {}; 0")
        for name, value in parameters.items():
            self.put("entries", value)
            self.engine.eval(f"parameters[{json.dumps(name)}] = array({list(value.shape)}, entries); 0")

    def open(self, description, parameters):
        """The globals `description`, `parameters`, and `model`."""
        self.engine.eval(f"globalThis.description = {json.dumps(dataclasses.asdict(description))}; 0")
        self.put_parameters(parameters)
        self.engine.eval("globalThis.model = open_model(description, parameters); 0")


def errors(found, expected):
    """For each name the largest difference, relative to the largest entry that is expected."""
    assert found.keys() == expected.keys()
    largest = {}
    for name, value in expected.items():
        value, other = np.asarray(value, np.float64).ravel(), np.asarray(found[name], np.float64).ravel()
        assert value.shape == other.shape, name
        size = np.abs(value).max(initial=0)
        largest[name] = float(np.abs(value - other).max(initial=0) / (size or 1))
    return largest


def wrong(found, expected, tolerance):
    """The names of what differs by more than the tolerance, in their order."""
    return [name for name, error in errors(found, expected).items() if not error <= tolerance]
