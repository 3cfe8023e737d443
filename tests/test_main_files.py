"""The three main files can be laid side by side: the same names in the same order, the same forms, true comments."""

import ast
import importlib
import io
import itertools
import re
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest

from foundation.architecture import Architecture

ROOT = Path(__file__).resolve().parent.parent
FILES = ("numpy_impl/vae_numpy.py", "pytorch_lowlevel/vae_lowlevel.py", "paper/vae_paper.py")
SOURCES = {file: (ROOT / file).read_text(encoding="utf-8") for file in FILES}
COLUMN = "ladder/explorer/vae.js"
"""The same in JavaScript, a fourth column, which has no types to define."""
CLASS_OF = {"encode": "Encoder", "decode": "Decoder", "forward": "VAE"}
"""Rung 3's class for a function of the other rungs."""

CONSTANTS = ["Images", "Latents", "DOWN", "UP"]
MODEL = ["encode", "reparameterize", "decode", "forward"]
LOSSES = ["kl_divergence", "reconstruction_loss", "loss"]
USE = ["backward", "train_step", "sample", "reconstruct"]
EXPECTED = [*CONSTANTS, "Forward", "init", *MODEL, *LOSSES, *USE]

# Every size differs from every other, so that no wrong comment can be right by chance.
ODD = Architecture(latent_dim=2, channels=(6, 7), hidden_dim=11, image_shape=(3, 16, 20))
SIZES = {"N": 13, "C": 3, "H": 16, "W": 20, "C1": 6, "C2": 7, "hidden": 11, "Z": 2}


# What a file defines


def definitions(source):
    """What a main file defines at its top level, by name and in its order; rung 3's classes under their functions."""
    functions = {name: function for function, name in CLASS_OF.items()}
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[functions.get(node.name, node.name)] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            found[target.id] = node
    return found


def function(source, name):
    """The function of that name; in rung 3, the `forward` of the class that stands for it."""
    node = definitions(source)[name]
    if isinstance(node, ast.ClassDef):
        return next(inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "forward")
    return node


def statements(node):
    """A function's body without its docstring."""
    return node.body[1:] if ast.get_docstring(node) else node.body


# The checks: each returns what is wrong


def disorder(sources):
    """The names that all files share, where their order differs between files."""
    names = [list(definitions(source)) for source in sources]
    shared = set.intersection(*map(set, names))
    orders = [[name for name in file if name in shared] for file in names]
    return [places for places in zip(*orders, strict=True) if len(set(places)) > 1]


def astray(source):
    """Backward functions that do not stand directly under their forward ones; `backward` itself is all of them."""
    names = list(definitions(source))
    pairs = itertools.pairwise(names)
    return [name for before, name in pairs if name.endswith("_backward") and name != f"{before}_backward"]


def hidden_names(source):
    """(function, name) for every parameter or variable of a function that hides a definition of the file."""
    defined = {node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args.posonlyargs + node.args.args + node.args.kwonlyargs
            names = {argument.arg for argument in arguments}
            names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            found += [(node.name, name) for name in sorted(names & defined)]
    return found


def comments(source):
    """Comments by the number of their line."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string for token in tokens if token.type == tokenize.COMMENT}


def assignments(source):
    """Lines of encode and decode that assign an array: {line number: name}."""
    lines = [node for name in ("encode", "decode") for node in statements(function(source, name))]
    return {
        node.lineno: node.targets[0].id
        for node in lines
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }


def shape_comment(text):
    """The shape that a comment such as `# N C1 H/2 W/2` gives, or None."""
    size = rf"({'|'.join(SIZES)}|\d+)"
    if not re.fullmatch(rf"#( {size}([*/]{size})*)+", text):
        return None
    return tuple(int(eval(entry, {}, SIZES)) for entry in text.split(" ")[1:])


def shapes_of(path, lines, call):
    """The shapes of the arrays that these lines of a file assign, {line number: shape}, while `call()` runs."""
    shapes = {}

    def trace(frame, event, argument):
        if frame.f_code.co_filename != str(path):
            return None
        line = 0

        def after_line(frame, event, argument):
            nonlocal line
            if line in lines:
                shapes[line] = tuple(frame.f_locals[lines[line]].shape)
            line = frame.f_lineno
            return after_line

        return after_line

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return shapes


def forward_pass(file):
    """A function that runs the file's forward pass on the odd architecture."""
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    rng = np.random.default_rng(0)
    model = module.init(ODD, rng, np.float64)
    arrays = rng.random((SIZES["N"], *ODD.image_shape)), rng.standard_normal((SIZES["N"], ODD.latent_dim))
    if file == FILES[0]:
        return lambda: module.forward(model, *arrays)
    import torch

    tensors = map(torch.from_numpy, arrays)
    return (lambda: module.forward(model, *tensors)) if file == FILES[1] else (lambda: model(*tensors))


def wrong_comments(source, path, call):
    """Names that encode or decode assigns on a line whose comment is not the shape that the array has."""
    lines, said = assignments(source), comments(source)
    shapes = shapes_of(path, lines, call)
    return [name for line, name in lines.items() if shape_comment(said.get(line, "")) != shapes[line]]


def form(source, name):
    """A function's statements with `np` and `torch` written alike."""
    return re.sub(r"\b(np|torch)\.", "", "\n".join(map(ast.unparse, statements(function(source, name)))))


def calls(source, name):
    """The functions and methods that a function calls, in the order of its lines."""
    found = [node for node in ast.walk(function(source, name)) if isinstance(node, ast.Call)]
    inner_first = sorted(found, key=lambda call: (call.lineno, -call.col_offset))
    return [call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id for call in inner_first]


# The files


def test_shared_names_stand_in_one_order():
    names = [list(definitions(source)) for source in SOURCES.values()]
    assert disorder(SOURCES.values()) == []
    assert [name for name in names[0] if all(name in other for other in names)] == EXPECTED
    rest = [[name for name in file if name not in EXPECTED and not name.endswith("_backward")] for file in names]
    assert rest == [["EncoderHidden", "DecoderHidden", "Hidden", "layer"], ["Parameters", "layer"], []]


def test_every_backward_function_stands_under_its_forward_one():
    assert astray(SOURCES[FILES[0]]) == []
    names = list(definitions(SOURCES[FILES[0]]))
    differentiable = ["encode", "reparameterize", "decode", *LOSSES]
    assert [name.removesuffix("_backward") for name in names if name.endswith("_backward")] == differentiable


@pytest.mark.parametrize("file", FILES)
def test_no_name_hides_a_function(file):
    assert hidden_names(SOURCES[file]) == []


@pytest.mark.parametrize("file", FILES)
def test_shape_comments_are_true(file):
    if file != FILES[0]:
        pytest.importorskip("torch")
    assert " ".join(assignments(SOURCES[file]).values()) == "h1 h2 h3 mu logvar h4 h5 h5 h6 logits"
    assert wrong_comments(SOURCES[file], ROOT / file, forward_pass(file)) == []


@pytest.mark.parametrize("name", ["reparameterize", "kl_divergence", "loss"])
def test_formulas_have_one_form(name):
    assert len({form(source, name) for source in SOURCES.values()}) == 1


@pytest.mark.parametrize("name", ["DOWN", "UP"])
def test_the_convolutions_have_the_same_options(name):
    values = [ast.literal_eval(definitions(source)[name].value) for source in SOURCES.values()]
    assert values[0] == values[1] == values[2]


def test_a_forward_pass_has_the_same_results():
    fields = [[field.target.id for field in statements(definitions(source)["Forward"])] for source in SOURCES.values()]
    assert fields == [["mu", "logvar", "z", "logits"]] * 3


def test_functions_take_the_same_arguments():
    """A model in place of parameters; it holds its images' size, which rungs 1 and 2 take as an argument."""
    for name in set(EXPECTED[5:]) - {"backward"}:
        nodes = [function(source, name) for source in SOURCES.values()]
        numpy, lowlevel, paper = ([argument.arg for argument in node.args.args] for node in nodes)
        assert numpy == [argument for argument in lowlevel if argument != "device"], name
        of_model = ["model" if argument == "parameters" else argument for argument in lowlevel if argument != "size"]
        assert ["model" if argument == "self" else argument for argument in paper] == of_model, name


@pytest.mark.parametrize("file", FILES)
def test_a_training_step_is_forward_loss_backward_step(file):
    names = calls(SOURCES[file], "train_step")
    assert [name for name in names if name != "isfinite"] == [
        "model" if file == FILES[2] else "forward",
        "loss",
        "backward",
        "step",
    ]
    body = statements(function(SOURCES[file], "train_step"))
    assert body[-1].end_lineno - body[0].lineno < 6


# The fourth column


def javascript():
    return (ROOT / COLUMN).read_text(encoding="utf-8")


def javascript_arguments(source):
    """The arguments of every exported function, and an empty list for a constant, by name and in order."""
    found = re.findall(r"^export (?:function (\w+)\(([^)]*)\)|const (\w+) =)", source, re.MULTILINE)
    names = {function or constant: arguments for function, arguments, constant in found}
    return {name: re.findall(r"(\w+)(?: = [^,]+)?(?:,|$)", of) for name, of in names.items()}


def astray_in_javascript(source):
    """Names of the fourth column out of rung 1's order, and backward functions that are not under their own."""
    here, there = list(javascript_arguments(source)), list(definitions(SOURCES[FILES[0]]))
    shared = [name for name in there if name in here]
    order = [name for name, other in zip([n for n in here if n in shared], shared, strict=True) if name != other]
    pairs = itertools.pairwise(here)
    return order + [name for before, name in pairs if name.endswith("_backward") and name != f"{before}_backward"]


def test_the_fourth_column_has_the_names_and_the_order_of_rung_1():
    names, numpy = list(javascript_arguments(javascript())), list(definitions(SOURCES[FILES[0]]))
    types = {"Images", "Latents", "Forward", "EncoderHidden", "DecoderHidden", "Hidden"}
    assert astray_in_javascript(javascript()) == []
    assert set(numpy) - set(names) == types
    assert set(names) - set(numpy) == {"CONVOLUTIONS"}


def test_the_functions_of_the_fourth_column_take_the_arguments_of_rung_1():
    """Hidden activations come apart in the argument list; a network may stand in for the convolutions."""
    there = SOURCES[FILES[0]]
    for name, arguments in javascript_arguments(javascript()).items():
        if name.endswith("_backward") or name in ("DOWN", "UP", "CONVOLUTIONS", "backward"):
            continue
        expected = [argument.arg for argument in function(there, name).args.args if argument.arg != "dtype"]
        assert [argument for argument in arguments if argument != "network"] == expected, name


def test_the_convolutions_of_the_fourth_column_have_the_same_options():
    for name in ("DOWN", "UP"):
        text = re.search(rf"^export const {name} = (.*);$", javascript(), re.MULTILINE)[1]
        value = ast.literal_eval(re.sub(r"(\w+):", r'"\1":', text))
        assert value == ast.literal_eval(definitions(SOURCES[FILES[0]])[name].value)


def test_the_shape_comments_of_the_fourth_column_are_those_of_rung_1():
    said = [re.findall(r"(?://|#) (N [\w*/ ]+)$", source, re.MULTILINE) for source in (javascript(), SOURCES[FILES[0]])]
    assert said[0] == [text for text in said[1] if text]
    assert len(said[0]) == 10


def test_planted_disorder_of_the_fourth_column_is_found():
    source = javascript()
    block = re.search(r"^export function loss\(.*?^}\n\n", source, re.MULTILINE | re.DOTALL)[0]
    moved_up = source.replace(block, "").replace(
        "export function kl_divergence(", f"{block}export function kl_divergence("
    )
    assert "loss" in astray_in_javascript(moved_up)
    block = re.search(r"^export function encode_backward\(.*?^}\n\n", source, re.MULTILINE | re.DOTALL)[0]
    later = source.replace(block, "").replace("export function decode(", f"{block}export function decode(")
    assert "encode_backward" in astray_in_javascript(later)


# The checks can fail


def moved(source, name, before):
    """The source with one of its functions moved up, in front of another."""
    lines = source.splitlines(keepends=True)
    node, other = definitions(source)[name], definitions(source)[before]
    block = lines[node.lineno - 1 : node.end_lineno]
    del lines[node.lineno - 1 : node.end_lineno]
    lines[other.lineno - 1 : other.lineno - 1] = [*block, "\n\n"]
    return "".join(lines)


def test_planted_disorder_is_found():
    numpy, lowlevel, paper = SOURCES.values()
    swapped = moved(lowlevel, "loss", "kl_divergence")
    assert ("kl_divergence", "loss", "kl_divergence") in disorder([numpy, swapped, paper])
    assert disorder([numpy, moved(lowlevel, "decode", "encode"), paper])
    assert disorder([numpy, lowlevel, moved(paper, "decode", "encode")])
    assert astray(moved(numpy, "encode_backward", "encode")) == ["encode_backward"]
    assert astray(moved(numpy, "reparameterize", "encode_backward")) == ["encode_backward", "reparameterize_backward"]


def test_planted_hidden_names_are_found():
    source = SOURCES[FILES[1]].replace("parts", "loss")
    assert {("backward", "loss"), ("train_step", "loss")} <= set(hidden_names(source))


@pytest.mark.parametrize(
    ("right", "wrong", "name"),
    [
        ("# N hidden", "# N Z", "h3"),
        ("# N C1 H/2 W/2", "# N C1 W/2 H/2", "h1"),
        ("# N C1 H/2 W/2", "# N 6 H/2", "h1"),
        ("# N C2 H/4 W/4", "", "h2"),
        ("# N C2 H/4 W/4", "# the second layer", "h2"),
        ("# N C H W", "# N C H/2 W/2", "logits"),
    ],
)
def test_planted_comments_are_found(right, wrong, name):
    source = SOURCES[FILES[0]].replace(right, wrong, 1)
    assert source != SOURCES[FILES[0]]
    assert wrong_comments(source, ROOT / FILES[0], forward_pass(FILES[0])) == [name]


def test_planted_forms_are_found():
    numpy, lowlevel, _ = SOURCES.values()
    assert form(numpy.replace("mu**2", "np.square(mu)"), "kl_divergence") != form(lowlevel, "kl_divergence")
    late = lowlevel.replace("    run = forward(parameters, x, eps)\n    parts", "    parts").replace(
        "    if torch.isfinite", "    run = forward(parameters, x, eps)\n    if torch.isfinite"
    )
    assert calls(late, "train_step")[:2] == ["loss", "forward"]
