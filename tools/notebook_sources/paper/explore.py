# %% [markdown]
# # Explore what a model has learned
#
# [한국어](explore.ko.ipynb)
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](@COLAB@)
#
# This notebook opens a run, the newest one by default, and shows its latent space: the codes of images,
# reconstructions, samples from the prior, and interpolations. If there is no run yet, it trains a small model first. It
# works with any model of this folder, and with those of a climb. A text beside each picture tells what to look for;
# [README.md](README.md) explains why.

# %%
from importlib.util import find_spec

from IPython import get_ipython

if find_spec("paper") is None:  # on Colab, or wherever the project is not installed
    project = "'vae-ladder[torch] @ git+@REPOSITORY@'"
    get_ipython().run_line_magic("pip", f"install --quiet {project}")

# %%
import os
from pathlib import Path

import numpy as np

from figures.model import choose, model_figures
from figures.notebook import show, show_images
from foundation.data.splits import load_data
from foundation.options import DataOptions, TrainOptions
from foundation.runs import open_run
from ladder.rungs import open_rung
from paper.models.options import VAEOptions
from paper.rung import ModelRung
from paper.runs import read_data
from paper.training.fit import fit

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
    rung, data = open_rung(run), read_data(run)
    print(run.path.name)
else:
    print("There is no run yet: training a small VAE, Z = 2, on glyphs.")
    data = load_data(DataOptions())
    options = VAEOptions(network="mlp", hidden_dims=(256, 128), latent_dim=2)
    rung = ModelRung(fit(TrainOptions(model=options, epochs=12), data))
print(rung.description.model, f"on {data.name}: {', '.join(data.classes)}")

# %% [markdown]
# All pictures that this model has, drawn by the functions behind `vae-ladder figures`. A VQ-VAE has codes instead of a
# latent space, and no prior to draw from.

# %%
figures = model_figures(rung, data.test)
print(", ".join(figures))


def look(*names):
    """Show the first of these figures that there is."""
    for name in [name for name in names if name in figures][:1]:
        show(figures[name])


# %% [markdown]
# ## The codes of images
#
# A point is the code of one test image. Similar images have similar codes.

# %%
look("latent_space", "code_usage")

# %% [markdown]
# ## Reconstructions

# %%
look("reconstructions", "completions")

# %% [markdown]
# ## Samples from the prior
#
# z is drawn from the prior and decoded; no image is encoded.

# %%
look("samples", "classes_and_styles", "codes")

# %% [markdown]
# ## From one image to another

# %%
look("interpolation", "style_transfer")

# %% [markdown]
# ## The whole plane, or latent by latent
#
# With two latents, the plane from corner to corner, in equal steps of the prior's probability. With more, one latent at
# a time is moved away from its value for a test image.

# %%
look("manifold", "traversals")

# %% [markdown]
# ## Move it yourself
#
# With `pip install ipywidgets` there is a slider for each latent, those with the most information first, and one for
# the initial image. Without it: one image, and its two most informative latents moved by one standard deviation of the
# prior.

# %%
if not rung.traits.codes:
    shown, many = choose(data.test, 10), data.test.subset(slice(0, 1000))
    c = rung.condition(shown.images, shown.labels)
    mu = rung.encode(shown.images, c)[0]
    spread = rung.encode(many.images, rung.condition(many.images, many.labels))[0]
    latents = np.argsort(-spread.std(axis=0), kind="stable")[:8].tolist()


def decode(image, moved):
    """The image's latents with some of them moved, decoded: x_hat (1, C, H, W)."""
    z = mu[image : image + 1].copy()
    for latent, step in moved.items():
        z[:, latent] += step
    return rung.sample(z, None if c is None else c[image : image + 1])


# %%
if not BUILD and not rung.traits.codes and find_spec("ipywidgets"):
    from ipywidgets import FloatSlider, IntSlider, interact

    sliders = {f"z{j + 1}": FloatSlider(0, min=-3, max=3, step=0.1, description=f"z{j + 1}") for j in latents}

    @interact(image=IntSlider(0, min=0, max=len(shown) - 1), **sliders)
    def move(image, **steps):
        """Beside the test image: what its moved code decodes to."""
        moved = decode(image, {int(name[1:]) - 1: step for name, step in steps.items()})
        show_images(np.concatenate([shown.images[image : image + 1], moved]), columns=2)

elif not rung.traits.codes:
    steps = [dict.fromkeys(latents[:2], 0.0) | {j: step} for j in latents[:2] for step in (-1, -0.5, 0, 0.5, 1)]
    show_images(np.concatenate([decode(3, moved) for moved in steps]), columns=5)

# %% [markdown]
# ## Your turn
#
# - `vae-ladder train vae --latent-dim 2`, then run this notebook again. And `autoencoder` instead of `vae`: what has
#   changed in the first picture, and what in the third?
# - `vae-ladder train cvae`: where are the classes in the latent space?
# - Which latents of a model with Z = 20 change nothing? `vae-ladder evaluate` has their KL.
# - How all this is made: [the tour of this rung](tour.ipynb).
