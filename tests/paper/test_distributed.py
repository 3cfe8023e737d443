"""Losses that look at the whole batch: what two processes compute together is what one computes alone."""

import dataclasses

import pytest

torch = pytest.importorskip("torch")

import torch.distributed as dist  # noqa: E402

from paper.distributed import gather, mean_over_batch, sum_over_processes  # noqa: E402
from paper.models.registry import make_model  # noqa: E402
from paper.options import BetaVAEOptions, VAEOptions, VQVAEOptions  # noqa: E402
from paper.schedules import Weights  # noqa: E402

SHAPE, N = (1, 8, 12), 5
MLP = {"latent_dim": 4, "network": "mlp", "hidden_dims": (7,), "activation": "tanh"}
VQ = VQVAEOptions(codes=6, code_dim=3, channels=(3, 5))
CASES = {
    "free bits": (VAEOptions(**MLP), Weights(2.0, 0.2)),
    "capacity": (BetaVAEOptions(**MLP, capacity=0.7), Weights(4.0)),
    "vq-vae": (VQ, Weights(0.0)),
    "vq-vae by gradients": (dataclasses.replace(VQ, codebook="gradient"), Weights(0.0)),
}


def step(case, share):
    """Loss parts, gradients and the state after the step, of the images in this share of the batch."""
    options, weights = CASES[case]
    model = make_model(options, SHAPE, 0, seed=1).double()
    generator = torch.Generator().manual_seed(2)
    x = torch.rand(N, *SHAPE, generator=generator, dtype=torch.float64)
    # Images are told apart, so that halves of the batch stand on different sides of a threshold.
    x = x * torch.tensor([0.1, 0.3, 1, 1, 1], dtype=torch.float64)[:, None, None, None]
    with torch.no_grad():
        for value in model.parameters():
            value.mul_(3)
    run = model(x[share], torch.zeros(model.noise_shape(N), dtype=torch.float64)[share])
    loss = model.loss(run, x[share], weights)
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
