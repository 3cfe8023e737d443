# %% [markdown]
# # Rung 2: the same VAE, differentiated by torch
#
# [한국어](tour.ko.ipynb)
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](@COLAB@)
#
# Rung 1 derived every gradient by hand. Here torch does it. This notebook shows how: what torch records in the forward
# pass, how it computes gradients from this record, and that the numbers are the same. Then it trains. The chapter
# beside it is [README.md](README.md), the code [vae_lowlevel.py](vae_lowlevel.py).

# %%
from importlib.util import find_spec

from IPython import get_ipython

if find_spec("pytorch_lowlevel") is None:  # on Colab, or wherever the project is not installed
    project = "'vae-ladder[torch] @ git+@REPOSITORY@'"
    get_ipython().run_line_magic("pip", f"install --quiet {project}")

# %%
import numpy as np
import torch

from figures.charts import latent_space
from figures.choices import one_of_each, prior_draws
from figures.galleries import reconstructions, samples
from figures.notebook import show
from foundation.architecture import Architecture
from foundation.data import load
from foundation.objective import Objective
from foundation.training import draw_batches
from numpy_impl import vae_numpy
from pytorch_lowlevel import vae_lowlevel as vae
from pytorch_lowlevel.optim import Adam

# %% [markdown]
# ## Parameters with a gradient
#
# The parameters are the same numbers under the same names as in rung 1, as tensors. `requires_grad` is the one new
# thing: torch records what is computed from them.

# %%
rng = np.random.default_rng(0)
architecture = Architecture(latent_dim=2)
parameters = vae.init(architecture, rng)
weight = parameters["encoder.mu.weight"]
print(type(weight).__name__, tuple(weight.shape), weight.dtype, weight.device, "requires_grad:", weight.requires_grad)

# %% [markdown]
# ## The tape
#
# Every result that depends on such a parameter carries a `grad_fn`: the operation that made it, with what it needs to
# go back, and links to the operations before it. From the loss, the links lead back to the parameters. Here is the
# way from the loss through the reconstruction, always along the first link.

# %%
train, test = load("glyphs", "train"), load("glyphs", "test")
objective = Objective()
x = torch.from_numpy(test.images[:8])
eps = torch.from_numpy(rng.standard_normal((8, 2)).astype(np.float32))

run = vae.forward(parameters, x, eps)
parts = vae.loss(run.logits, x, run.mu, run.logvar, objective)
node = parts.loss.grad_fn
while node is not None:
    print(node.name())
    node = next((earlier for earlier, _ in node.next_functions if earlier is not None), None)

# %% [markdown]
# Read from below, this is the decoder's forward pass, and then the loss. The list ends at `AccumulateGrad`, which
# stands for a parameter. The images need no gradient and have no `grad_fn`:

# %%
print("x:     ", x.requires_grad, x.grad_fn)
print("logits:", run.logits.requires_grad, type(run.logits.grad_fn).__name__)

# %% [markdown]
# ## The same gradients as by hand
#
# `torch.autograd.grad` follows all these links and returns the gradient of the loss for the given tensors. Rung 1 gets
# the same parameters, images and noise, and uses its own backward functions. Both work in float64, where rounding is
# far smaller than the effect of a mistake. The error is relative to the largest entry of each tensor.

# %%
exact = vae_numpy.init(architecture, np.random.default_rng(0), np.float64)
images, noise = x.numpy().astype(np.float64), eps.numpy().astype(np.float64)
numpy_run, hidden = vae_numpy.forward(exact, images, noise)
loss_by_hand = vae_numpy.loss(numpy_run.logits, images, numpy_run.mu, numpy_run.logvar, objective)
by_hand = vae_numpy.backward(exact, images, noise, numpy_run, hidden, objective)

tensors = {name: torch.from_numpy(value).requires_grad_() for name, value in exact.items()}
exact_run = vae.forward(tensors, torch.from_numpy(images), torch.from_numpy(noise))
loss = vae.loss(exact_run.logits, torch.from_numpy(images), exact_run.mu, exact_run.logvar, objective)
by_torch = vae.backward(tensors, loss)

print(f"{'loss':32}{loss_by_hand.loss:.10f} and {loss.loss.item():.10f}")
for name, gradient in by_hand.items():
    error = np.abs(by_torch[name].numpy() - gradient).max() / np.abs(gradient).max()
    print(f"{name:32}{'equal to 1e-12' if error < 1e-12 else f'DIFFERS by {error:.1e}'}")

# %% [markdown]
# ## What the tape forbids
#
# An optimiser changes parameters in place. On a parameter that records, torch refuses: the tape could no longer be read
# backwards. Within `torch.no_grad()` nothing is recorded, and the change is allowed. That is why `Adam.step` and
# everything that only looks at results stand under it.

# %%
try:
    weight -= 0.001
except RuntimeError as error:
    print(type(error).__name__, error, sep=": ")
with torch.no_grad():
    weight -= 0.0
    print("no tape here:", vae.reconstruct(parameters, x).grad_fn)

# %% [markdown]
# ## Training
#
# The same loop as in the tour of rung 1, with the same seed. So the numbers are the same too, until the last digits of
# float32 have grown into larger ones.

# %%
rng = np.random.default_rng(0)
parameters = vae.init(architecture, rng)
rng.standard_normal((10, 2))  # the noise that rung 1's tour drew for its first ten images
optimizer = Adam(parameters, learning_rate=2e-3)
print("step    loss   reconstruction    KL")
step = 0
for _epoch in range(2):
    for images, noise, _labels in draw_batches(rng, train, 64, lambda count: (count, 2)):
        x, eps = torch.from_numpy(images), torch.from_numpy(noise)
        parts = vae.train_step(parameters, optimizer, x, eps, objective)
        step += 1
        if step in (1, 20, 50) or step % 100 == 0:
            print(f"{step:4}{parts.loss:9.1f}{parts.reconstruction:13.1f}{parts.kl:10.2f}")

# %% [markdown]
# ## What it learned
#
# The pictures are rung 1's, up to rounding. Put them side by side.

# %%
chosen = test.images[one_of_each(test.labels, 20)]
with torch.no_grad():
    x_hat = vae.reconstruct(parameters, torch.from_numpy(chosen)).numpy()
    mu = vae.encode(parameters, torch.from_numpy(test.images))[0].numpy()
    drawn = vae.sample(parameters, torch.from_numpy(prior_draws(2).astype(np.float32))[:50]).numpy()
show(reconstructions(chosen, x_hat))

# %%
show(latent_space(mu, test.labels, test.classes))

# %%
show(samples(drawn))

# %% [markdown]
# ## Your turn
#
# - Replace `F.relu` in a copy of `encode` by `torch.tanh`. What do you have to change in `backward`? And in rung 1?
# - Call `vae.backward(tensors, loss)` a second time. What does torch say, and why?
# - On a machine with a GPU: `vae.init(architecture, rng, device="cuda")`. What else has to move?
# - What `nn.Module` takes over from here: [rung 3](../paper/README.md).
