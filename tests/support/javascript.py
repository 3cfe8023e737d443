"""The explorer's modules in V8, with NumPy arrays going in and out, and wrong versions of them."""

import dataclasses
import json

import numpy as np
from py_mini_racer import MiniRacer

from ladder.explorer.page import bundle, read_file

ENTRY = """
import { array } from "./convolution.js";
import { mask_of } from "./models.js";
import { make_network } from "./networks.js";
import { ndtr, ndtri } from "./normal.js";
import { Adam } from "./optim.js";
import { quantile } from "./pixelcnn.js";
import { rng } from "./random.js";
import { open_model } from "./registry.js";
import { open_trainer, trainer_of } from "./trainer.js";
import { backward, forward, init, reconstruct, train_step } from "./vae.js";
import { numbers_of, parameters_of } from "./weights.js";
Object.assign(globalThis, { array, mask_of, open_model, make_network, Adam, rng, open_trainer, trainer_of });
Object.assign(globalThis, { backward, forward, init, reconstruct, train_step, numbers_of, parameters_of });
Object.assign(globalThis, { ndtr, ndtri, quantile });
"""


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

    def close(self):
        """End V8, which would keep the process from ending."""
        self.engine.close()

    def __call__(self, code):
        """Run some code; the value of its last expression."""
        return self.engine.eval(code)

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
