# %% [markdown]
# # Rung 3: the VAE as papers write it, and two of its relatives
#
# [한국어](tour.ko.ipynb)
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](@COLAB@)
#
# Layers that own their parameters, one training loop for every model, evaluation, pictures. Then two changes of a few
# lines each: β, and a label. The chapter beside this notebook is [README.md](README.md); the models are
# [vae.py](models/vae.py), [beta_vae.py](models/beta_vae.py) and [cvae.py](models/cvae.py). It runs in a minute, without
# a GPU.

# %%
from importlib.util import find_spec

from IPython import get_ipython

if find_spec("paper") is None:  # on Colab, or wherever the project is not installed
    project = "'vae-ladder[torch] @ git+@REPOSITORY@'"
    get_ipython().run_line_magic("pip", f"install --quiet {project}")

# %%
import torch

from figures.charts import kl_per_latent
from figures.model import class_figure, generated_figures, latent_figures, style_figure
from figures.notebook import show, show_images
from foundation.data.splits import load_data
from foundation.latents import ACTIVE, kl_by_latent
from foundation.objective import Objective
from foundation.options import DataOptions, TrainOptions
from foundation.records import EpochRecord
from paper.evaluation.bound import elbo_parts, images_for_likelihood
from paper.evaluation.importance import importance_sample
from paper.evaluation.latents import active_units, posteriors, variance_of_mu
from paper.models.options import BetaVAEOptions, ConditionalVAEOptions, VAEOptions
from paper.models.registry import make_model
from paper.rung import ModelRung
from paper.training.fit import fit, to_tensors

# %% [markdown]
# ## The data
#
# Each part of the data is one array with its labels, here turned into tensors. A few of the training images are kept
# aside, to measure the loss on while training. Training never uses the test images.

# %%
arrays = load_data(DataOptions(name="glyphs"), seed=0)
data = to_tensors(arrays)
print(*data.describe(), sep="\n")
print("training images:", tuple(data.train.images.shape), data.train.images.dtype)

# %% [markdown]
# ## A module
#
# Options define a model; `make_model` makes it. `encoder` and `decoder` are modules, their layers are modules, and each
# layer owns its weight and bias. Together they are the model's `state_dict()`, under the names of rungs 1 and 2. Z = 10
# latents here.

# %%
options = VAEOptions(latent_dim=10)
model = make_model(options, data.image_shape, len(data.classes), 0)
print(model)
print(
    f"{sum(value.numel() for value in model.parameters()):,} parameters; the first is", next(iter(model.state_dict()))
)

# %% [markdown]
# ## A pass, a loss, gradients
#
# The noise is an argument, as on every rung. `loss` has its parts, in nats per image. `backward` adds gradients to
# every parameter's `.grad`.

# %%
x = data.test.images[:8]
eps = torch.randn(model.noise_shape(len(x)), generator=torch.Generator().manual_seed(0))
run = model(x, eps)
for name, value in run._asdict().items():
    print(f"{name:8}{tuple(value.shape)}")
parts = model.loss(run, x, Objective(beta=1.0))
print(f"reconstruction {parts.reconstruction:.2f} + KL {parts.kl:.4f} = loss {parts.loss:.2f}")
parts.loss.backward()
gradient = dict(model.named_parameters())["encoder.mu.weight"].grad
print("gradient of encoder.mu.weight:", None if gradient is None else tuple(gradient.shape))

# %% [markdown]
# ## Training
#
# `fit` makes a model from options and trains it to the end. It calls a function with a record for each step and each
# epoch; here that function prints the epochs. Validation is the same objective on the images kept aside. The network is
# fully connected now, 784 - 400 - 10 and back: less fit for images than the convolutions above, but it trains in
# seconds on any machine.


# %%
def say(record):
    if isinstance(record, EpochRecord):
        loss = record.held_out
        parts = f"reconstruction {loss['reconstruction']:6.2f}   KL {loss['kl']:5.2f}"
        print(f"epoch {record.epoch}   validation loss {loss['loss']:6.2f}   {parts}")


options = VAEOptions(network="mlp", hidden_dims=(400,), latent_dim=10)
vae = fit(TrainOptions(model=options, epochs=6), data, say).requires_grad_(False)  # from here on we only look

# %% [markdown]
# ## Evaluation
#
# The training loss on grey pixels is no log-likelihood: a Bernoulli variable is 0 or 1. So each pixel of the test
# images is drawn once, black or white, and the loss is measured on these. Then log p(x) can be estimated, by drawing
# many z for each image and weighting them. The ELBO is lower; the difference is the divergence of q(z|x) from p(z|x).

# %%
binary = images_for_likelihood(vae, data.test.images, "auto")
chance = torch.Generator().manual_seed(0)
grey_parts = elbo_parts(vae, data.test.images, data.test.labels, chance)
print(f"grey pixels, all {len(data.test):,} images:  loss {-grey_parts.elbo.mean():.2f} nats")
estimate = importance_sample(vae, binary[:200], None, draws=100, generator=chance)
print(f"binary pixels, 200 images:     -ELBO {-estimate.elbo.mean():.2f}, -log p(x) {-estimate.log_p.mean():.2f} nats")
mu, logvar = posteriors(vae, data.test.images, data.test.labels)
print(f"{active_units(mu)} of {mu.shape[1]} latents are in use")

# %% [markdown]
# ## What did it learn?
#
# Two functions draw all pictures of a model, from any rung; `vae-ladder figures` calls the same.

# %%
rung = ModelRung(vae)
figures = latent_figures(rung, arrays.test) | generated_figures(rung, arrays.test, seed=0)
show(figures["reconstructions"])

# %%
show(figures["traversals"])

# %%
show(figures["samples"])

# %% [markdown]
# ## β
#
# The β-VAE weighs the KL. Here are two that differ in β alone. Where a nat of KL costs more, latents carry less, and
# those whose KL exceeds their gain in reconstruction collapse. The images show what is lost.

# %%
kl, active = {}, {}
for beta in (1, 6):
    options = BetaVAEOptions(network="mlp", latent_dim=10, beta=beta)
    model = fit(TrainOptions(model=options, epochs=4), data).requires_grad_(False)
    mu, logvar = posteriors(model, data.test.images, data.test.labels)
    kl[f"β = {beta}"], active[f"β = {beta}"] = kl_by_latent(mu, logvar), variance_of_mu(mu) > ACTIVE
    parts = elbo_parts(model, data.test.images, data.test.labels, torch.Generator().manual_seed(0))
    print(f"β = {beta}   reconstruction {parts.reconstruction.mean():6.2f}   KL {parts.kl.sum(1).mean():5.2f}")
    show_images(model.reconstruct(data.test.images[:10]).numpy())
show(kl_per_latent(kl, active))

# %% [markdown]
# ## A condition
#
# In a conditional VAE, encoder and decoder are given the class. So z need not encode it, and represents the style.
# Below, a row is one z, decoded under every class.

# %%
options = ConditionalVAEOptions(network="mlp", latent_dim=10)
cvae = fit(TrainOptions(model=options, epochs=5), data, say).requires_grad_(False)
show(class_figure(ModelRung(cvae), arrays.test))

# %% [markdown]
# And the other way round: the style of a test image, under every class.

# %%
show(style_figure(ModelRung(cvae), arrays.test))

# %% [markdown]
# ## Your turn
#
# - `VAEOptions(likelihood="gaussian-learned")`: what σ does it learn, and what happens to the sum of the two parts?
# - `TrainOptions(..., kl=KLOptions(schedule="linear"))` with the second β-VAE. Are more latents in use?
# - Train on some classes, `DataOptions(labels=(3, 5, 7))`, and reconstruct the others.
# - Save a run with `vae-ladder train cvae`, and open it in [explore.ipynb](explore.ipynb).
# - Build the parts yourself: exercises [14](../exercises/14_beta.md) to [17](../exercises/17_iwae.md).
