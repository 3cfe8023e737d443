# %% [markdown]
# # Explore what a model has learned
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/vae-ladder/vae-ladder/blob/main/paper/explore.ipynb)
#
# This notebook opens a run, the newest one by default, and looks at its latent space: where images lie, what comes
# back, what comes out of nothing, and what lies between. Where there is no run yet, it trains a small model first. It
# takes any model of this folder, and those of a climb. What to look for stands under each picture; why it is so, in
# [README.md](README.md).

# %%
from importlib.util import find_spec

from IPython import get_ipython

if find_spec("paper") is None:  # on Colab, or wherever the project is not installed
    project = "'vae-ladder[torch] @ git+https://github.com/vae-ladder/vae-ladder'"
    get_ipython().run_line_magic("pip", f"install --quiet {project}")

# %%
import os
from pathlib import Path

import torch

from figures.notebook import show, show_images
from foundation.runs import open_run
from paper.arrays import array, choose
from paper.checkpoint import open_data, open_model
from paper.data import load_data
from paper.drawing import code_figures, generated_figures, latent_figures
from paper.models.registry import model_name
from paper.models.vae import VAE
from paper.options import DataOptions, TrainOptions, VAEOptions
from paper.training import fit

# %% [markdown]
# ## Which run?
#
# `None` takes the newest one in `RUNS`. Name another, such as `"../runs/2026-01-31_142501_train_vae"`; of a climb, a
# rung's folder in it.

# %%
RUN = None
RUNS = Path("../runs")
BUILD = "VAE_LADDER_BUILD" in os.environ  # as kept in the project: nothing of this machine, nothing that moves

# %%
written = [] if BUILD else sorted(RUNS.glob("**/weights.safetensors"), key=lambda path: path.stat().st_mtime)
if RUN is None and written:
    RUN = written[-1].parent
if RUN is not None:
    run = open_run(RUN)
    model, data = open_model(run), open_data(run)
    print(run.path.name)
else:
    print("There is no run yet: training a small VAE, Z = 2, on glyphs.")
    data = load_data(DataOptions())
    options = VAEOptions(network="mlp", hidden_dims=(256, 128), latent_dim=2)
    model = fit(TrainOptions(model=options, epochs=12), data)
torch.set_grad_enabled(False)
print(model_name(model.options), f"on {data.name}: {', '.join(data.classes)}")

# %% [markdown]
# All that such a model can show, drawn by the functions behind `vae-ladder figures`. A VQ-VAE has codes instead of a
# latent space, and no prior to draw from.

# %%
if isinstance(model, VAE):
    figures = latent_figures(model, data) | generated_figures(model, data, seed=0)
else:
    figures = code_figures(model, data)
print(", ".join(figures))


def look(*names):
    """Show the first of these figures that there is."""
    for name in [name for name in names if name in figures][:1]:
        show(figures[name])


# %% [markdown]
# ## Where images lie
#
# A point is the code of one test image. What looks alike lies side by side.

# %%
look("latent_space", "code_usage")

# %% [markdown]
# ## What comes back

# %%
look("reconstructions", "completions_expected")

# %% [markdown]
# ## What comes out of nothing
#
# z drawn from the prior, decoded. No image is behind any of them.

# %%
look("samples_expected", "classes_and_styles_expected", "codes")

# %% [markdown]
# ## From one image to another

# %%
look("interpolation", "style_transfer")

# %% [markdown]
# ## The whole plane, or latent by latent
#
# With two latents, the plane from corner to corner, in equal steps of the prior's probability. With more, each in turn
# is moved away from where a test image has it.

# %%
look("manifold", "traversals")

# %% [markdown]
# ## Move it yourself
#
# With `pip install ipywidgets` there is a slider for each latent, those that carry most first, and one for the image
# to begin with. Without it: one image, and its two latents with most to say moved by one standard deviation of the
# prior.

# %%
if isinstance(model, VAE):
    x, labels = choose(data.test, 10)
    c = model.condition(x, labels)
    mu = model.encode(x, c)[0]
    spread = model.encode(data.test.images[:1000], model.condition(data.test.images[:1000], data.test.labels[:1000]))[0]
    latents = spread.std(0).argsort(descending=True)[:8].tolist()


def decode(image, moved):
    """The image's latents with some of them moved, decoded: x_hat (1, C, H, W)."""
    z = mu[image : image + 1].clone()
    for latent, step in moved.items():
        z[:, latent] += step
    return array(model.sample(z, None if c is None else c[image : image + 1]))


# %%
if not BUILD and isinstance(model, VAE) and find_spec("ipywidgets"):
    from ipywidgets import FloatSlider, IntSlider, interact

    sliders = {f"z{j + 1}": FloatSlider(0, min=-3, max=3, step=0.1, description=f"z{j + 1}") for j in latents}

    @interact(image=IntSlider(0, min=0, max=len(x) - 1), **sliders)
    def move(image, **steps):
        """Beside the test image: what its moved code decodes to."""
        moved = decode(image, {int(name[1:]) - 1: step for name, step in steps.items()})
        show_images(torch.cat([x[image : image + 1].cpu(), torch.from_numpy(moved)]).numpy(), columns=2)

elif isinstance(model, VAE):
    steps = [dict.fromkeys(latents[:2], 0.0) | {j: step} for j in latents[:2] for step in (-1, -0.5, 0, 0.5, 1)]
    tiles = [torch.from_numpy(decode(3, moved)) for moved in steps]
    show_images(torch.cat(tiles).numpy(), columns=5)

# %% [markdown]
# ## Your turn
#
# - `vae-ladder train vae --latent-dim 2`, then run this notebook again. And `autoencoder` instead of `vae`: what has
#   changed in the first picture, and what in the third?
# - `vae-ladder train cvae`: where have the classes gone in the latent space?
# - Which latents of a model with Z = 20 change nothing? `vae-ladder evaluate` has their KL.
# - How all this is made: [the tour of this rung](tour.ipynb).
