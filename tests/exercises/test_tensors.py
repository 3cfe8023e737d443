"""Exercises on tensors: what stands between arrays and tensors, and answers as learners write them."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from exercises.kit.catalogue import find
from exercises.kit.check import check_answer, load_answer
from exercises.kit.diagnose import diagnose
from exercises.kit.exercise import Exercise, Hints
from exercises.kit.grade import JudgeProcess
from exercises.kit.judge import Task
from exercises.kit.lazy import Lazy
from exercises.kit.limits import Limits
from exercises.kit.sandbox import imported_solution
from exercises.kit.tensors import differentiated, tensors
from foundation.objective import Objective
from paper.models.options import VQVAEOptions
from paper.models.vq_vae import VQVAE
from tests.support.tensor_answers import BODIES, answer_to

CHECKOUT = Path(__file__).parents[2]

# Between arrays and tensors


def test_arrays_arrive_as_tensors_and_come_back_as_arrays():
    seen = {}

    @tensors("w")
    def function(w, x, n):
        seen.update(w=w["a"], x=x, n=n)
        return {"sum": (w["a"] + x).detach(), "parts": [x.sum(), 2.5], "same": w}

    w, x = {"a": np.ones((2, 3))}, np.arange(6).reshape(2, 3)[:, ::-1]
    result = function(w, x, 7)
    assert seen["w"].requires_grad
    assert not seen["x"].requires_grad
    assert (seen["x"].dtype, seen["n"]) == (torch.int64, 7)
    np.testing.assert_array_equal(result["sum"], 1 + x)
    assert result["parts"] == [15, 2.5]
    assert type(result["same"]["a"]) is np.ndarray


def test_what_a_function_changes_in_place_stays_on_its_side():
    @tensors()
    def function(x):
        return x.add_(1)

    x = np.zeros(3)
    np.testing.assert_array_equal(function(x), np.ones(3))
    np.testing.assert_array_equal(x, np.zeros(3))


def test_a_result_on_the_tape_is_refused_by_its_name():
    @tensors("w")
    def function(w):
        return {"new": {"w": 2 * w}, "losses": [w.sum()]}

    with pytest.raises(RuntimeError, match=r"w is still on the tape.*detach"):
        function(np.ones(2))


def test_gradients_of_the_first_tensor_of_a_result():
    @differentiated("a", "b")
    def function(a, b):
        return {"loss": 3 * a.sum(), "other": b.sum()}

    found = function(np.ones(4), np.ones(2))
    assert found["result"] == {"loss": 12, "other": 2}
    np.testing.assert_array_equal(found["gradients"]["a"], np.full(4, 3.0))
    np.testing.assert_array_equal(found["gradients"]["b"], np.zeros(2))


def test_the_gradient_that_starts_at_an_array_tells_its_entries_apart():
    flipped = differentiated("x")(lambda x: x.flip(0))(np.ones(4))
    np.testing.assert_array_equal(flipped["gradients"]["x"], [1.75, 1.5, 1.25, 1])


@pytest.mark.parametrize("result", [lambda x: x.detach(), lambda x: x.sum().item()])
def test_off_the_tape_the_gradient_is_zero(result):
    assert not differentiated("x")(result)(np.ones(3))["gradients"]["x"].any()


@pytest.mark.parametrize("decorator", [tensors, differentiated])
def test_called_with_tensors_a_function_is_left_as_it_is(decorator):
    x = torch.ones(2, requires_grad=True)
    found = decorator("x")(lambda x: 2 * x)(x)
    assert found.grad_fn is not None


@pytest.mark.parametrize("decorator", [tensors, differentiated])
def test_a_name_that_is_no_parameter_is_refused_at_once(decorator):
    with pytest.raises(TypeError, match="no parameter 'w'"):
        decorator("w")(lambda x: x)


def test_a_lazy_module_is_imported_when_an_attribute_is_used():
    missing = Lazy("no_such_package.module")
    assert "no_such_package" in repr(missing)
    with pytest.raises(ImportError):
        _ = missing.function
    assert Lazy("math").sqrt(9) == 3


def test_sources_by_name_are_found_and_left_out_where_they_cannot_be_imported():
    names = "paper.models.vq_vae:VQVAE.loss", "no_such_package:function", sorted
    exercise = Exercise({}, (), Hints("", "", ""), (), sources=names)
    assert exercise.source_functions() == (VQVAE.loss, sorted)


# Answers


@pytest.fixture(params=BODIES)
def entry(request):
    return find(request.param)


@pytest.fixture
def written(entry, tmp_path):
    """A file with a right answer."""
    path = tmp_path / f"{entry.name}.py"
    path.write_text(answer_to(entry.name, entry.stub.read_text(encoding="utf-8")), encoding="utf-8")
    return path


def test_right_answers_in_the_stub_pass(entry, written):
    exercise = entry.load()
    module = load_answer(written)
    functions = {name: getattr(module, name) for name in exercise.solution}
    verdict = diagnose(entry.name, exercise, functions)
    assert verdict.outcome == "PASS", f"{verdict}\n{verdict.traceback}"
    assert ("last digits" in verdict.remark) == (entry.number == "24")
    assert imported_solution(written.read_text(encoding="utf-8"), entry, exercise) == []


def test_messages_name_the_learners_own_line(tmp_path):
    entry = find("24_straight_through")
    text = answer_to(entry.name, entry.stub.read_text(encoding="utf-8"))
    path = tmp_path / "answer.py"
    path.write_text(text.replace("return entries[codes]", "return missing[codes]"), encoding="utf-8")
    exercise, module = entry.load(), load_answer(path)
    functions = {name: getattr(module, name) for name in exercise.solution}
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if "missing[codes]" in text)
    assert diagnose(entry.name, exercise, functions).where.endswith(f"answer.py:{line}")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name[:2] != "23")) for name in BODIES])
def test_graded_in_a_process_of_its_own(tmp_path, name):
    """Tensors, gradients and modules stay in the answer's process; arrays, numbers and names come through the pipe."""
    text = answer_to(name, find(name).stub.read_text(encoding="utf-8"))
    (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    process = JudgeProcess()
    try:
        verdict = process.judge(Task(name, str(tmp_path), f"{name}.py", str(tmp_path), "none", 60.0, 4096)).verdict
    finally:
        process.close()
    assert verdict.outcome == "PASS", verdict


def test_without_torch_an_answer_is_not_measured(tmp_path):
    entry = find("22")
    answer = tmp_path / f"{entry.name}.py"
    answer.write_text(answer_to(entry.name, entry.stub.read_text(encoding="utf-8")), encoding="utf-8")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\n"
        "from exercises.kit.catalogue import find\n"
        "from exercises.kit.check import Clock, check_file\n"
        f"entry, file = find('22'), Path({str(answer)!r})\n"
        "clock = Clock(60.0, file.with_name('clock'), sys.stderr)\n"
        "print(check_file(entry, entry.load(), file, None, clock))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("NOT MEASURED  22_lowlevel_step")
    assert "need torch, which is not installed" in done.stdout


def test_check_of_a_file_names_a_forgotten_zero_grad(tmp_path):
    entry = find("22")
    text = answer_to(entry.name, entry.stub.read_text(encoding="utf-8"))
    answer = tmp_path / f"{entry.name}.py"
    answer.write_text(text.replace("        optimizer.zero_grad()\n", ""), encoding="utf-8")
    verdict = check_answer(entry, answer, Limits(60.0, 4096))
    assert (verdict.outcome, verdict.mistake) == ("WRONG", "train: gradients add up over the batches")


# Against the rungs


def test_what_exercise_24_writes_out_is_the_rungs_own():
    """The straight-through line and the two terms, in value and in gradient, by the model's forward and loss."""
    torch.manual_seed(0)
    options = VQVAEOptions(codes=7, code_dim=3, channels=(4, 5), codebook="gradient", commitment=0.7)
    model = VQVAE(options, (1, 8, 12), 10).double()
    model.codebook.draw_parameters(np.random.default_rng(0))
    x = torch.rand(4, 1, 8, 12, dtype=torch.float64)
    run = model(x, torch.zeros(4, 0, dtype=torch.float64))
    parts = model.loss(run, x, Objective())
    solution = find("24").load().solution
    z_e, z_q = run.z_e.detach().numpy(), run.z_q.detach().numpy()
    found = solution["loss"](z_e, z_q, 0.7)
    terms = (parts.loss - parts.reconstruction).item()
    assert found["result"]["loss"] == pytest.approx(terms, rel=1e-12)
    assert found["result"]["commitment"] == pytest.approx(parts.commitment.item(), rel=1e-12)
    expected = torch.autograd.grad(parts.loss - parts.reconstruction, [run.z_e, run.z_q], retain_graph=True)
    for name, gradient in zip(("z_e", "z_q"), expected, strict=True):
        np.testing.assert_allclose(found["gradients"][name], gradient.numpy(), rtol=1e-12, atol=1e-15)
    passed = solution["straight_through"](z_e, z_q)
    np.testing.assert_array_equal(passed["result"], run.z.detach().numpy())
    upstream = 1 + torch.arange(run.z.numel(), dtype=torch.float64).reshape(run.z.shape) / run.z.numel()
    (through,) = torch.autograd.grad(run.z, [run.z_e], upstream)
    np.testing.assert_array_equal(passed["gradients"]["z_e"], through.numpy())
    np.testing.assert_array_equal(solution["nearest"](z_e, model.codebook.entries.detach().numpy()), run.codes.numpy())
