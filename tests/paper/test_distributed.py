"""Several processes on one batch: gradients, weights and losses of one process, to the accuracy of float64."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402

from foundation.errors import InputError  # noqa: E402
from foundation.objective import Objective  # noqa: E402
from paper.models.options import BetaVAEOptions, VAEOptions, VQVAEOptions  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from paper.training.distributed import gather, mean_over_batch, sum_over_processes  # noqa: E402
from tests.support import shared_training as shared  # noqa: E402

pytestmark = pytest.mark.skipif(not dist.is_available(), reason="a torch built without torch.distributed")

# One step, by hand: losses that look at the whole batch.

SHAPE, N = (1, 8, 12), 5
MLP = {"latent_dim": 4, "network": "mlp", "hidden_dims": (7,), "activation": "tanh"}
VQ = VQVAEOptions(codes=6, code_dim=3, channels=(3, 5))
CASES = {
    "free bits": (VAEOptions(**MLP), Objective(beta=2.0, free_bits=0.2)),
    "capacity": (BetaVAEOptions(**MLP, capacity=0.7), Objective(beta=4.0)),
    "vq-vae": (VQ, Objective(beta=0.0)),
    "vq-vae by gradients": (dataclasses.replace(VQ, codebook="gradient"), Objective(beta=0.0)),
}


def step(case, share):
    """Loss parts, gradients and the state after the step, of the images in this share of the batch."""
    options, objective = CASES[case]
    model = make_model(options, SHAPE, 0, 1, torch.float64)
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    # Images are told apart, so that halves of the batch stand on different sides of a threshold.
    x = x * torch.tensor([0.1, 0.3, 1, 1, 1], dtype=torch.float64)[:, None, None, None]
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(3)
    run = model(x[share], torch.zeros(model.noise_shape(N), dtype=torch.float64)[share])
    loss = model.loss(run, x[share], objective)
    loss.loss.backward()
    model.after_step(run)
    gradients = {name: value.grad for name, value in model.named_parameters()}
    state = {name: value for name, value in model.state_dict().items() if "codebook" in name}
    return {name: part.detach() for name, part in loss._asdict().items()}, gradients, state


def together(case, rank):
    """The same from both processes, which hold 2 and 3 images; parts and gradients are means over images."""
    share = slice(0, 2) if rank == 0 else slice(2, 5)
    parts, gradients, state = step(case, share)
    scale = (share.stop - share.start) / N
    sums = [{name: sum_over_processes(value * scale) for name, value in each.items()} for each in (parts, gradients)]
    return *sums, state


def process(rank, path):
    torch.set_num_threads(1)
    alone = {case: step(case, slice(None)) for case in CASES}
    dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=2)
    for case in CASES:
        for ours, expected in zip(together(case, rank), alone[case], strict=True):
            assert ours.keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(ours[name], value, rtol=1e-10, atol=1e-12, msg=lambda m, c=case: f"{c}: {m}")
    held = torch.arange(3.0 + rank).reshape(-1, 1) + 10 * rank
    assert gather(held).flatten().tolist() == [0, 1, 2, 10, 11, 12, 13]
    assert mean_over_batch(held).item() == pytest.approx(7)
    with torch.no_grad():  # validation: each for itself
        assert mean_over_batch(held).item() == pytest.approx(held.mean().item())
    dist.destroy_process_group()


def test_two_processes_are_one(tmp_path):
    torch.multiprocessing.spawn(process, (tmp_path / "meeting",), nprocs=2)


def test_alone_nothing_is_exchanged():
    values = torch.tensor([[1.0, 2.0], [3.0, 6.0]], requires_grad=True)
    assert torch.equal(sum_over_processes(values), values.detach())
    assert torch.equal(gather(values), values.detach())
    assert mean_over_batch(values).tolist() == [2, 4]
    assert not mean_over_batch(values).requires_grad


# Whole trainings, by the loop.

PROCESSES = 2
ONE_THREAD = os.environ | {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def both_trained(tmp_path_factory):
    """What two processes made of every case."""
    out = tmp_path_factory.mktemp("processes")
    command = [sys.executable, shared.__file__]
    started = [
        subprocess.Popen(
            [*command, str(i), str(PROCESSES), str(out)], stderr=subprocess.PIPE, env=ONE_THREAD, text=True
        )
        for i in range(PROCESSES)
    ]
    for process in started:
        _, error = process.communicate(timeout=300)
        assert process.returncode == 0, error
    return out


@pytest.mark.parametrize("name", shared.CASES)
def test_two_processes_compute_what_one_does(name, both_trained):
    tensors, lines = shared.train_case(name)
    for process in range(PROCESSES):
        with np.load(both_trained / f"{name}.{process}.npz") as came:
            assert set(came) == set(tensors)
            for key, value in tensors.items():
                reference = np.abs(value.numpy()).max()
                np.testing.assert_allclose(
                    came[key], value.numpy(), rtol=0, atol=1e-12 * max(reference, 1), err_msg=key
                )
        logged = json.loads((both_trained / f"{name}.{process}.json").read_text())
        assert len(logged) == len(lines)
        for line, expected in zip(logged, lines, strict=True):
            assert line.keys() == expected.keys()
            for part in expected.keys() - {"seconds", "images_per_second"}:
                number = isinstance(expected[part], float)
                assert line[part] == (pytest.approx(expected[part], rel=1e-12) if number else expected[part]), part


def test_the_cases_can_fail():
    """There is something to miss: gradients are not 0, and free bits change the weights."""
    tensors, _ = shared.train_case("free bits")
    other, _ = shared.train_case("vae")
    assert tensors["gradient of encoder.mu.weight"].abs().max() > 1e-6
    assert not torch.equal(tensors["encoder.mu.weight"], other["encoder.mu.weight"])


def test_a_batch_that_leaves_a_process_without_images_is_refused():
    with pytest.raises(InputError, match="the last batch has 5; got 6 processes"):
        shared.start_case("vae", processes=6)
