"""The three rungs by name; each is imported only when it is asked for, so that rung 1 needs no torch."""

import importlib.util
from collections.abc import Iterable, Sequence

import numpy as np

from foundation.architecture import Architecture, Parameters, initial_parameters
from foundation.errors import InputError, suggest
from foundation.objective import Objective
from foundation.options import KLOptions, OptimizerOptions, TrainOptions
from foundation.rung import Description, ImageShape, Rung, architecture_of, describe_architecture
from foundation.runs import Run
from foundation.weights import check_amount, load_weights, read_description, read_metadata
from paper.models.options import BetaVAEOptions, LatentDiffusionOptions, VAEOptions
from paper.runs import load_trained, read_options

RUNGS = ("numpy_impl", "pytorch_lowlevel", "paper")
COMPARED = ("numpy_impl", "autograd", "pytorch_lowlevel", "paper")
"""What parity compares: the rungs, and rung 1 with gradients by its own autograd."""
MINE = "mine"
"""The rung of the learner's own functions, which `vae-ladder climb --mine` makes (`ladder.mine`)."""
NEED_TORCH = ("pytorch_lowlevel", "paper")
SECOND_STAGE = "network."
"""Beginning of the names of the tensors by which a second stage has more than its first."""
INSTALL_TORCH = 'pip install "vae-ladder[torch]"'


def torch_is_installed() -> bool:
    """Whether `import torch` would find something, without importing it."""
    try:
        return importlib.util.find_spec("torch") is not None
    except ValueError:  # sys.modules["torch"] is None: the import is forbidden
        return False


def available_rungs() -> tuple[str, ...]:
    """The rungs that can run here: all three, or those without torch."""
    return RUNGS if torch_is_installed() else tuple(name for name in RUNGS if name not in NEED_TORCH)


def compared_rungs() -> tuple[str, ...]:
    """What parity can compare here."""
    return COMPARED if torch_is_installed() else tuple(name for name in COMPARED if name not in NEED_TORCH)


def check_rungs(names: Sequence[str], known: Sequence[str] = RUNGS) -> tuple[str, ...]:
    """The names as a tuple; `InputError` for one that is unknown, named twice or not installed, and for none."""
    if not names:
        raise InputError(f"rungs: expected at least one of {', '.join(known)}, got none")
    for name in names:
        if name not in known:
            raise InputError(f"rung: expected one of {', '.join(known)}, got {name!r}{suggest(name, known)}")
        if name in NEED_TORCH and not torch_is_installed():
            raise InputError(f"rung {name} needs torch, which is not installed: {INSTALL_TORCH}")
    if len(set(names)) < len(names):
        raise InputError(f"rungs: expected every rung once, got {', '.join(names)}")
    return tuple(names)


def split_rungs(text: str, known: Sequence[str] = RUNGS) -> tuple[str, ...]:
    """The rungs of an option such as "numpy_impl,paper", checked."""
    return check_rungs([name.strip() for name in text.split(",")] if text.strip() else [], known)


def make_rung(
    name: str,
    architecture: Architecture,
    parameters: Parameters,
    learning_rate: float = 1e-3,
    objective: Objective = Objective(),  # noqa: B008  (frozen)
) -> Rung:
    """The VAE of the main files on one rung, or by autograd, from given parameters (copied; the dtype is theirs)."""
    check_rungs([name], COMPARED)
    if name == "paper":
        from paper.rung import PaperRung

        return PaperRung(architecture, parameters, learning_rate, objective)
    description = describe_architecture(architecture, likelihood=objective.likelihood, sigma=objective.sigma)
    return make_ladder_rung(name, architecture, parameters, learning_rate, description)


def make_ladder_rung(
    name: str,
    architecture: Architecture,
    parameters: Parameters,
    learning_rate: float,
    description: Description,
    device: str = "cpu",
) -> Rung:
    """Rung 1, by hand or by autograd, or rung 2, from given parameters."""
    if name == "numpy_impl":
        from numpy_impl.rung import NumpyRung

        return NumpyRung(architecture, parameters, learning_rate, description)
    if name == "autograd":
        from numpy_impl.rung import AutogradRung

        return AutogradRung(architecture, parameters, learning_rate, description)
    from pytorch_lowlevel.rung import LowlevelRung

    return LowlevelRung(architecture, parameters, learning_rate, description, device)


def start_rung(
    options: TrainOptions,
    image_shape: ImageShape,
    class_count: int,
    rng: np.random.Generator,
    images: np.ndarray | None = None,
) -> Rung:
    """A fresh rung as the options ask, its first values drawn from the generator, or read from `options.weights`.

    `images` are those that it is to be trained on, (N, C, H, W); `--init glorot` begins at their mean. Raises
    `InputError` where the rung cannot do what is asked.
    """
    check_choice(options)
    if options.rung == "paper":
        from paper.rung import make_rung as make_paper_rung

        rung: Rung = make_paper_rung(options, image_shape, class_count, rng, images)
    else:
        description = Description.of(options.model, image_shape, class_count)
        architecture = architecture_of(description)
        check_amount(architecture.parameter_shapes())
        device = "cpu"
        if options.rung == "pytorch_lowlevel":
            from paper.training.device import choose_device

            chosen = choose_device(options.device)
            if chosen.type == "mps" and options.precision == "float64":
                raise InputError("precision: MPS has no float64, expected float32")
            device = str(chosen)
        dtype = np.float64 if options.precision == "float64" else np.float32
        parameters = initial_parameters(architecture, rng, dtype)
        rate = options.optimizer.learning_rate
        rung = make_ladder_rung(options.rung, architecture, parameters, rate, description, device)
    if options.weights is not None:
        # The first values are drawn all the same, so that batches and noise stay the same.
        parameters = rung.parameters()
        sizes = {name: parameters[name].shape for name in expected_of(options, parameters)}
        tensors, _ = load_weights(options.weights, rung.description, lambda description: sizes)
        first = {name: value.astype(rung.dtype) for name, value in tensors.items()}
        rung.restore(parameters | first, {}, options.weights)
        if isinstance(options.model, LatentDiffusionOptions) and begins_on_first_stage(options):
            measure_scale(rung, images)
    return rung


def expected_of(options: TrainOptions, names: Iterable[str]) -> set[str]:
    """Which of a model's tensors the file of `weights` must have: all, or those of the first stage of a second one."""
    fresh = begins_on_first_stage(options)
    return {name for name in names if not (fresh and name.startswith(SECOND_STAGE))}


def begins_on_first_stage(options: TrainOptions) -> bool:
    """Whether the file of `weights` holds the first stage of the model alone, and not a model of the same kind."""
    assert options.weights is not None
    stored = read_description(options.weights, read_metadata(options.weights))
    return stored is not None and stored.model in options.model.first_stages


def measure_scale(rung: Rung, images: np.ndarray | None) -> None:
    """Give a latent diffusion the factor of its latents, over the images that it is to be trained on."""
    from paper.models.latent_diffusion import LatentDiffusion
    from paper.rung import ModelRung

    assert images is not None
    assert isinstance(rung, ModelRung)
    assert isinstance(rung.model, LatentDiffusion)
    rung.model.measure_scale(rung.to_tensor(images))


def check_choice(options: TrainOptions) -> None:
    """Raise `InputError` where the rung cannot do what the options ask, or is not installed."""
    check_rungs([options.rung])
    if options.rung != "paper" and (reason := why_not(options)):
        raise InputError(f"rung {options.rung}: {reason}")


def why_not(options: TrainOptions) -> str:
    """Why rungs 1 and 2 cannot do what the options ask, in one line; empty where they can."""
    model = options.model
    if not isinstance(model, VAEOptions) or model.model not in ("vae", "beta-vae"):
        return f"its main file is the VAE, and with --beta the beta-VAE; {model.model} needs --rung paper"
    if not model.is_of_the_ladder():
        return (
            "its main file has the convolutional network with one hidden layer, two convolutions and no residual "
            "blocks; others need --rung paper"
        )
    if model.init != "torch":
        return f"its first values are torch's own; --init {model.init} needs --rung paper"
    if model.likelihood not in ("bernoulli", "gaussian"):
        return f"its main file has the Bernoulli and the Gaussian likelihood; {model.likelihood} needs --rung paper"
    if isinstance(model, BetaVAEOptions) and model.capacity is not None:
        return "a capacity compares the KL of the whole batch with C, which its main file does not; use --rung paper"
    if options.kl.free_bits != KLOptions().free_bits:
        return "free bits weigh each latent's KL by the whole batch, which its main file does not; use --rung paper"
    if options.optimizer.name != OptimizerOptions().name:
        return "its optimiser is Adam; AdamW needs --rung paper"
    if options.optimizer.epsilon != OptimizerOptions().epsilon:
        return f"its Adam adds {OptimizerOptions().epsilon:g} to the root; --optimizer.epsilon needs --rung paper"
    if options.precision == "bf16":
        return "its arithmetic is float32 or float64; bf16 needs --rung paper"
    if options.compile:
        return "there is no network to compile; --compile needs --rung paper"
    if options.rung == "numpy_impl" and options.device not in ("auto", "cpu"):
        return f"NumPy computes on the CPU, got --device {options.device}"
    return ""


def open_rung(run: Run) -> Rung:
    """The rung that a run trained, as its last epoch left it. Raises `InputError` where the run cannot be read."""
    options = read_options(run)
    check_rungs([options.rung])
    if options.rung == "paper":
        from paper.models.registry import open_model
        from paper.rung import ModelRung

        return ModelRung(open_model(run))
    parameters, description = load_trained(run)
    return make_ladder_rung(options.rung, architecture_of(description), parameters, 1e-3, description)
