"""What is said of measurements that are incomplete: that it cannot be told, and no fault."""

import copy
import dataclasses

import numpy as np

from ladder.doctor.measured import (
    BASE_OUTPUT,
    BASE_SPREAD,
    BATCHES,
    MEANS,
    NEAR_PRIOR,
    PROBABILITIES,
    SPREADS,
    Found,
    Loss,
    Measured,
    Noise,
    Sampler,
)
from ladder.doctor.verdict import Finding, findings


def right() -> Measured:
    """The measurements of a VAE without a fault: images of 2 x 2, 3 latents, both terms summed."""
    b, m, d = np.asarray(SPREADS), np.asarray(MEANS), np.asarray(PROBABILITIES)
    sampler = Sampler(is_reached=True, draws=True, spread=list(np.exp(b / 2)))
    black, white = np.log1p(np.exp(d)), np.log1p(np.exp(-d))
    bases = np.log1p(np.exp(BASE_OUTPUT)), np.log1p(np.exp(-BASE_OUTPUT))
    loss = Loss(
        means=[list(m**2 / 2)] * 2,
        near_prior=NEAR_PRIOR**2 / 2,
        last_mean=MEANS[-1] ** 2 / 2,
        spreads=list((np.exp(b) - b - np.exp(BASE_SPREAD) + BASE_SPREAD) / 2),
        black=[list(black - bases[0])] * 2,
        white=[list(white - bases[1])] * 2,
        value=10.0,
    )
    found = Found("VAE()", "encode", "decode", "loss(x)", image_shape=[4], latent_shape=[3])
    noise = Noise("randn_like", [BATCHES[0], 3])
    later = copy.deepcopy(loss)
    return Measured(found, noise, training=sampler, evaluation=sampler, loss=loss, evaluation_loss=later)


def of_kind(kind: str, found: list[Finding]) -> list[tuple[str, str]]:
    return [(finding.code, finding.text) for finding in found if finding.kind == kind]


def test_the_measurements_of_a_right_vae_have_no_fault() -> None:
    found = findings(right())
    assert of_kind("fault", found) == []
    assert of_kind("unknown", found) == []


def test_findings_leave_their_measurements_as_they_are() -> None:
    measured = right()
    measured.gradients.z_to_spread, measured.training.draws = False, False
    before = dataclasses.asdict(measured)
    findings(measured)
    assert dataclasses.asdict(measured) == before


def test_z_that_was_not_reached_is_no_missing_noise() -> None:
    found = findings(dataclasses.replace(right(), training=Sampler()))
    assert of_kind("fault", found) == []
    assert ("noise", "the noise: in training the decoder was not called with z") in of_kind("unknown", found)


def test_z_that_was_not_reached_in_validation_is_no_mean() -> None:
    found = findings(dataclasses.replace(right(), evaluation=Sampler(), has_validation=True))
    assert of_kind("fault", found) == []
    assert of_kind("unknown", found) == [("noise", "the noise in validation: the decoder was not called with z")]


def test_a_reconstruction_of_validation_that_is_not_known_is_said() -> None:
    measured = right()
    assert measured.evaluation_loss is not None
    measured.evaluation_loss.white = [[1.0, -2.0, 0.0, 5.0, -1.0]] * 2
    unknown = of_kind("unknown", findings(measured))
    assert [code for code, _ in unknown] == ["validation"]
    assert "none of those that are known" in unknown[0][1]


def test_a_loss_that_is_another_number_each_time_is_said() -> None:
    unknown = of_kind("unknown", findings(dataclasses.replace(right(), repeatable=False)))
    assert [code for code, _ in unknown] == ["loss"]


def test_half_of_a_bernoulli_is_told_from_a_loss_without_reconstruction() -> None:
    for kept, dropped in (("white", "black"), ("black", "white")):
        measured = right()
        setattr(measured.loss, dropped, [[0.0] * len(PROBABILITIES)] * 2)
        faults = of_kind("fault", findings(measured))
        assert [code for code, _ in faults] == ["reconstruction-half"]
        assert f"counts {kept} pixels alone" in faults[0][1]
