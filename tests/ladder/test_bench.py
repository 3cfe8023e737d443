"""The benchmark: its arithmetic by hand, its tables from made-up times, and with `make bench` a limit on one ratio."""

import dataclasses
import importlib.util
import io
import json
import re
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from rich.text import Text

from figures.style import save
from foundation.architecture import Architecture
from foundation.console import make_console
from ladder import cli
from ladder.bench import command as bench
from ladder.bench.comparisons import fast_loop, layer_of_numpy_ml, measure_compiled, measure_convolution, ours
from ladder.bench.draws import LOOP, PRODUCT, QUICK_SIZES, SIZES, draws_tasks, measure_draws
from ladder.bench.floor import Cost, Machine, activations, forward_cost, measure_machine, multiplications, step_cost
from ladder.bench.report import bench_figure, tables
from ladder.bench.results import BFLOAT16, LAYER, PLAIN, DrawsTime, PartTime, PassTime, Results
from ladder.bench.rungs import can_measure_memory, measure_memory, measure_parts, measure_passes
from ladder.bench.timing import Patience, Time, on_threads, take_turns
from ladder.rungs import RUNGS, available_rungs
from numpy_impl.runtime import parallel

BRIEF = Patience(rounds=1, seconds=1e-4)


def exactly(seconds):
    return Time(seconds, seconds, seconds)


def made_up(rungs=RUNGS, batch_sizes=(1, 128), threads=(2, 1), beside=True):
    """Rung r takes r times as long as rung 1, everything else is 1 ms or a round number."""
    speeds = {name: 1e-3 * (i + 1) for i, name in enumerate(rungs)} | ({PLAIN: 4e-3} if "paper" in rungs else {})
    passes = [
        PassTime(what, who, size, count, exactly(seconds * size))
        for count in threads
        for size in batch_sizes
        for what in ("step", "forward")
        for who, seconds in speeds.items()
        if (what, who) != ("forward", PLAIN)
    ]
    torch = exactly(2e-3) if "paper" in rungs else None
    parts = [
        PartTime("encoder.conv2", "forward", exactly(1e-3), torch),
        PartTime("encoder.conv2", "backward", exactly(3e-3), torch),
        PartTime("Adam", "update", exactly(1e-3), torch),
    ]
    epoch = {"paper": exactly(6.0), BFLOAT16: exactly(3.0), PLAIN: exactly(12.0)} if "paper" in rungs else {}
    return Results(
        architecture=Architecture(),
        software={"numpy": "2.0"},
        machines=[Machine(count, 1e11 * count, 1e10 * count) for count in threads],
        passes=passes,
        parts=parts,
        parts_batch=128,
        epoch=epoch,
        memory={name: 100_000_000 * (i + 1) for i, name in enumerate(rungs)},
        memory_batch=512,
        convolution={"numpy_impl": exactly(0.01), "numpy-ml": exactly(0.125)} if beside else {},
        draws=[DrawsTime(20, 5, 1, exactly(2e-3), exactly(5e-3))] if "paper" in rungs else [],
        compiled={"paper": exactly(0.04), "paper compiled": exactly(0.03)} if beside else "there is no C++ compiler",
    )


def ratio(results, what, numerator, denominator):
    found = [
        r.value for r in results.ratios() if (r.what, r.numerator, r.denominator) == (what, numerator, denominator)
    ]
    assert len(found) == 1
    return found[0]


# What a pass costs, against numbers worked out by hand


def test_multiplications_of_the_default_architecture():
    assert multiplications(Architecture()) == {
        "encoder.conv1": 14 * 14 * 32 * 1 * 9,
        "encoder.conv2": 7 * 7 * 64 * 32 * 9,
        "encoder.fc": 3136 * 256,
        "encoder.mu": 256 * 2,
        "encoder.logvar": 256 * 2,
        "decoder.fc1": 2 * 256,
        "decoder.fc2": 256 * 3136,
        "decoder.conv_transpose1": 7 * 7 * 64 * 32 * 9,
        "decoder.conv_transpose2": 14 * 14 * 32 * 1 * 9,
    }


SMALL = Architecture(latent_dim=1, channels=(2, 3), hidden_dim=4, image_shape=(1, 4, 8))
# Maps: 2 of 2x4, 3 of 1x2. Multiplications: conv1 2*9*8, conv2 3*2*9*2, fc 6*4, mu, logvar and fc1 4 each.
SMALL_PRODUCTS = 2 * (144 + 108 + 24) + 3 * 4
SMALL_ACTIVATIONS = 2 * (16 + 6) + 2 * 4 + 3 * 1 + 32
SMALL_PARAMETERS = (18 + 2) + (54 + 3) + (24 + 4) + 2 * (4 + 1) + (4 + 4) + (24 + 6) + (54 + 2) + (18 + 1)


def test_costs_of_a_small_architecture():
    assert sum(multiplications(SMALL).values()) == SMALL_PRODUCTS
    assert activations(SMALL) == SMALL_ACTIVATIONS
    assert forward_cost(SMALL, 5) == Cost(
        flops=2 * 5 * SMALL_PRODUCTS, bytes=4 * (5 * (2 * SMALL_ACTIVATIONS + 32) + SMALL_PARAMETERS)
    )
    assert step_cost(SMALL, 5) == Cost(
        flops=2 * 5 * (3 * SMALL_PRODUCTS - 144), bytes=4 * (5 * (5 * SMALL_ACTIVATIONS + 64) + 10 * SMALL_PARAMETERS)
    )


def test_flops_against_those_torch_counts():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from paper import vae_paper as vae

    architecture = Architecture()
    model = vae.init(architecture, np.random.default_rng(0))
    x, eps = torch.rand(3, 1, 28, 28), torch.randn(3, architecture.latent_dim)
    with FlopCounterMode(display=False) as counter:
        model(x, eps).logits.sum().backward()
    assert step_cost(architecture, 3).flops == counter.get_total_flops()


def test_the_floor_is_the_sum_of_computing_and_moving():
    assert Machine(1, flops_per_second=100.0, bytes_per_second=10.0).floor(Cost(flops=300, bytes=20)) == 5.0


def test_the_machine_has_rates():
    machine = measure_machine(1, BRIEF)
    assert machine.threads == 1
    assert 1e8 < machine.flops_per_second < 1e14
    assert 1e8 < machine.bytes_per_second < 1e13


# Timing


def test_candidates_take_turns():
    log = []
    times = take_turns({"a": lambda: log.append("a"), "b": lambda: log.append("b")}, Patience(3, 1e-5), threads=1)
    turns = "".join(name for i, name in enumerate(log) if i == 0 or log[i - 1] != name)
    assert turns == "ababab"
    assert all(0 < t.low <= t.median <= t.high for t in times.values())


def test_times_are_those_of_one_run():
    times = take_turns({"short": lambda: time.sleep(0.002), "long": lambda: time.sleep(0.008)}, BRIEF, threads=1)
    assert times["short"].low >= 0.002
    assert times["long"].low >= 0.008


def test_spread_is_half_the_distance_between_the_quartiles():
    assert Time(median=2.0, low=1.5, high=2.7).spread == pytest.approx(0.3)


def test_threads_are_limited_and_given_back(monkeypatch):
    monkeypatch.setattr(parallel, "CORES", 7)
    with on_threads(3):
        assert parallel.CORES == 3
    assert parallel.CORES == 7


def test_torch_threads_are_limited_and_given_back():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    with on_threads(before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


# What is measured


def test_every_rung_is_measured():
    passes = measure_passes(Architecture(), available_rungs(), 2, 1, BRIEF)
    plain = [PLAIN] if "paper" in available_rungs() else []
    assert [p.who for p in passes if p.what == "step"] == [*available_rungs(), *plain]
    assert [p.who for p in passes if p.what == "forward"] == [*available_rungs()]
    assert {(p.batch_size, p.threads) for p in passes} == {(2, 1)}


def test_every_part_is_measured():
    parts = measure_parts(Architecture(), 2, BRIEF)
    directions = {part.operation: [] for part in parts}
    for part in parts:
        directions[part.operation].append(part.direction)
    assert directions.pop("Adam") == ["update"]
    assert len(directions) == 10
    assert all(found == ["forward", "backward"] for found in directions.values())
    assert all((part.torch is not None) == ("paper" in available_rungs()) for part in parts)


def test_batches_of_the_plain_loop():
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from ladder.bench.tutorial import plain_batches, plain_step

    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    batches = plain_batches(images, 3)
    epoch = torch.cat([next(batches), next(batches)])
    assert epoch.shape == (5, 1, 28, 28)
    scaled = sorted((epoch[:, 0] * 255).round().byte().numpy().tolist())
    assert scaled == sorted(images.tolist())
    step = plain_step(latent_dim=2)
    losses = [step(epoch) for _ in range(20)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("bfloat16", [False, True])
def test_the_fast_loop_learns_from_every_image(monkeypatch, bfloat16):
    torch = pytest.importorskip("torch")
    from paper import vae_paper

    seen, train_step = [], vae_paper.train_step

    def spy(model, optimizer, x, *more):
        seen.append(x)
        assert model.encoder.fc(torch.zeros(1, 3136)).dtype == (torch.bfloat16 if bfloat16 else torch.float32)
        return train_step(model, optimizer, x, *more)

    monkeypatch.setattr(vae_paper, "train_step", spy)
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    step = fast_loop(Architecture(latent_dim=2), images, 3, bfloat16)
    losses = [step().loss.item() for _ in range(20)]
    assert [len(x) for x in seen[:4]] == [3, 2, 3, 2]
    scaled = (torch.cat(seen[:2])[:, 0] * 255).round().byte().numpy().tolist()
    assert sorted(scaled) == sorted(images.tolist())
    assert losses[-1] < losses[0]


def test_both_ways_to_take_draws_are_one_training():
    pytest.importorskip("torch")
    tasks = draws_tasks(3, 4, "float64")
    losses = {name: [task() for _ in range(3)] for name, task in tasks.items()}
    np.testing.assert_allclose(losses[PRODUCT], losses[LOOP], rtol=1e-10)
    assert losses[LOOP][2] < losses[LOOP][0]


def test_draws_are_measured_for_every_size():
    pytest.importorskip("torch")
    found = measure_draws(True, 1, BRIEF)
    assert [(one.images, one.draws) for one in found] == list(QUICK_SIZES)
    assert set(QUICK_SIZES) < set(SIZES)
    assert found[0].rate(exactly(0.5)) == 200


def test_without_numpy_ml_there_is_no_convolution_to_compare(monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy_ml", None)
    assert measure_convolution(BRIEF) == {}


def test_numpy_ml_computes_the_same_convolution():
    pytest.importorskip("scipy")
    if importlib.util.find_spec("numpy_ml") is None:
        pytest.skip("numpy-ml is not installed")
    rng = np.random.default_rng(0)
    x, dy, weight = (rng.standard_normal(shape, np.float32) for shape in ((2, 6, 6, 3), (2, 3, 3, 5), (5, 3, 3, 3)))
    y, dx, dweight = ours(x, weight, dy)
    their_y, their_dx, their_dweight = layer_of_numpy_ml(weight)(x, dy)
    np.testing.assert_allclose(y.transpose(0, 2, 3, 1), their_y, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dx.transpose(0, 2, 3, 1), their_dx, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(dweight.transpose(2, 3, 1, 0), their_dweight, rtol=1e-4, atol=1e-4)


def test_without_a_compiler_nothing_is_compiled(monkeypatch, tmp_path):
    pytest.importorskip("torch")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert measure_compiled(1) == "there is no C++ compiler"


def test_why_nothing_was_compiled(monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.setenv("CXX", sys.executable)  # a program that can be found; these tests do not get as far as it
    assert measure_compiled(1, longest=0.01) == "it took more than 0.01 seconds"
    assert measure_compiled(0) == "RuntimeError: set_num_threads expects a positive integer"


@pytest.mark.skipif(not can_measure_memory(), reason="this system does not tell a process its peak")
def test_memory_sees_a_large_array():
    code = "from ladder.bench.rungs import peak; b = peak(); bytearray(b'x') * 200_000_000; print(peak() - b)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 190e6 < int(done.stdout) < 230e6


@pytest.mark.skipif(not can_measure_memory(), reason="this system does not tell a process its peak")
def test_memory_of_a_rung_holds_its_parameters_and_moments():
    assert 25e6 < measure_memory("numpy_impl", 8) < 300e6


# Ratios, JSON, tables, figure


def test_ratios():
    results = made_up()
    where = "step, batch 128, 1 thread"
    assert ratio(results, where, "numpy_impl", "pytorch_lowlevel") == pytest.approx(1 / 2)
    assert ratio(results, where, "pytorch_lowlevel", "paper") == pytest.approx(2 / 3)
    assert ratio(results, where, "paper", PLAIN) == pytest.approx(3 / 4)
    floor = step_cost(Architecture(), 128).flops / 1e11 + step_cost(Architecture(), 128).bytes / 1e10
    assert ratio(results, where, "paper", "floor") == pytest.approx(3 * 0.128 / floor)
    assert ratio(results, where.replace("1 thread", "2 threads"), "paper", "floor") == pytest.approx(6 * 0.128 / floor)
    assert ratio(results, "epoch of 60,000 images", "paper", PLAIN) == 0.5
    assert ratio(results, "epoch of 60,000 images", BFLOAT16, PLAIN) == 0.25
    assert ratio(results, LAYER, "numpy-ml", "numpy_impl") == pytest.approx(12.5)
    assert ratio(results, "step compiled, batch 128", "paper compiled", "paper") == pytest.approx(0.75)
    assert ratio(results, "IWAE step, batch 20, K = 5, 1 thread", LOOP, PRODUCT) == pytest.approx(2.5)
    assert ratio(results, "peak memory, batch 512", "numpy_impl", "pytorch_lowlevel") == 0.5


def test_without_torch_only_the_floor_is_left_to_compare_with():
    assert {(r.numerator, r.denominator) for r in made_up(RUNGS[:1], beside=False).ratios()} == {
        ("numpy_impl", "floor")
    }


def test_json_round_trip():
    found = json.loads(json.dumps(made_up().to_json()))
    assert {"machines", "passes", "parts", "epoch", "memory", "ratios", "software"} <= found.keys()
    step = next(p for p in found["passes"] if (p["what"], p["who"], p["batch_size"]) == ("step", "paper", 128))
    assert step["time"]["median"] == pytest.approx(0.384)
    assert step["flops"] == step_cost(Architecture(), 128).flops
    assert 0 < step["floor"] < step["time"]["median"]
    assert found["parts"][2]["torch"]["median"] == 2e-3


@pytest.mark.parametrize("rungs", [RUNGS, RUNGS[:1]])
@pytest.mark.parametrize("sizes", [(1, 128), (1, 8, 32, 128, 512)])
def test_tables_fit_into_a_hundred_columns(rungs, sizes):
    console = Console(width=100, record=True, file=io.StringIO())
    for table in tables(made_up(rungs, sizes)):
        console.print(table)
    page = console.export_text()
    assert "…" not in page
    assert "Ratios" in page
    if rungs == RUNGS:
        assert "2.00 ± 0%" in page  # rung 2 at batch 1
        assert "rung 1" in page
        assert re.search(r"20 +5 +50.0 +20.0 +2.50", page)
        assert re.search(r"paper bf16 +3\.00 +0\.25", page)
    assert "12.5" in page


@pytest.mark.parametrize("columns", ["1", "2", "5", "20", "40", "0", "²"])
def test_tables_of_narrow_terminals(columns, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal)
    console = make_console()
    for table in tables(made_up()):
        console.print(table)
    lines = Text.from_ansi(terminal.getvalue()).plain.splitlines()
    assert len(lines) > 50
    assert max(map(len, lines)) <= console.width


def test_what_was_not_measured_says_why():
    console = Console(width=100, record=True, file=io.StringIO())
    for table in tables(made_up(beside=False)):
        console.print(table)
    page = console.export_text()
    assert "numpy-ml: not installed" in page
    assert "torch.compile: not measured, there is no C++ compiler" in page


@pytest.mark.parametrize("rungs", [RUNGS, RUNGS[:1]])
@pytest.mark.parametrize("threads", [(2, 1), (1,)])
def test_figure(tmp_path, rungs, threads):
    results = made_up(rungs, threads=threads)
    figure = bench_figure(results)
    panels = figure.get_axes()
    assert len(panels) == 2 * len(threads) + 1
    heights = [bar.get_height() for bar in panels[0].patches]
    times = results.times("step", threads[0], 1)
    assert heights[0] == pytest.approx(times["numpy_impl"].median / results.floor("step", threads[0], 1))
    assert len(heights) == 2 * len(rungs)
    with Image.open(save(figure, tmp_path / "bench.png")) as image:
        assert image.width == 990


# The command


def test_command_writes_json_and_figure(tmp_path, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(bench, "measure", lambda quick, now: asked.append(quick) or made_up())
    files = tmp_path / "new" / "bench.json", tmp_path / "bench.png"
    assert cli.main(["bench", "--quick", "--json", str(files[0]), "--figure", str(files[1])]) == 0
    assert asked == [True]
    assert json.loads(files[0].read_text(encoding="utf-8")) == json.loads(json.dumps(made_up().to_json()))
    assert files[1].stat().st_size > 5000
    assert str(files[0]) in capsys.readouterr().out


def test_a_folder_is_refused_before_anything_is_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "measure", lambda quick, now: pytest.fail("measured"))
    for option in ("--json", "--figure"):
        assert cli.main(["bench", option, str(tmp_path)]) == 2
        assert "expected a file" in capsys.readouterr().err


def test_quick_measures_less():
    for threads in (1, parallel.CORES):
        assert set(bench.batch_sizes(True, threads)) < set(bench.batch_sizes(False, threads)) == {1, 8, 32, 128, 512}
        assert 128 in bench.batch_sizes(True, threads)


# The ratio that must not slip, in a process of its own: beartype, which watches these tests, costs NumPy time.

LIMIT = 1.5


def too_slow(ratios):
    """The training steps at batch 128 in which NumPy takes more than 1.5 times as long as torch."""
    pair = ("numpy_impl", "pytorch_lowlevel")
    steps = [
        r for r in ratios if (r["numerator"], r["denominator"]) == pair and r["what"].startswith("step, batch 128")
    ]
    assert steps, "nothing was compared"
    return {r["what"]: r["value"] for r in steps if not r["value"] <= LIMIT}


def test_a_slow_numpy_step_is_noticed():
    results = made_up()
    assert too_slow(results.to_json()["ratios"]) == {}
    slow = [
        dataclasses.replace(p, time=exactly(5.0)) if (p.who, p.batch_size, p.threads) == (RUNGS[0], 128, 1) else p
        for p in results.passes
    ]
    found = too_slow(dataclasses.replace(results, passes=slow).to_json()["ratios"])
    assert list(found) == ["step, batch 128, 1 thread"]


@pytest.mark.bench
def test_numpy_keeps_up_with_torch(tmp_path):
    pytest.importorskip("torch")
    files = ["--json", str(tmp_path / "bench.json"), "--figure", str(tmp_path / "bench.png")]
    subprocess.run([sys.executable, "-m", "ladder.cli", "bench", "--quick", *files], check=True)
    assert too_slow(json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["ratios"]) == {}
