# %% [markdown]
# # Rung 1: a VAE whose every step you can see
#
# [한국어](tour.ko.ipynb)
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](@COLAB@)
#
# This notebook goes through one variational autoencoder (VAE) in NumPy: image in, distribution, draw, image out, loss,
# gradient, training, pictures. All formulas are in the chapter beside it, [README.md](README.md). The code is
# [vae_numpy.py](vae_numpy.py). It needs no GPU, no download and no torch, and runs in half a minute.

# %%
from importlib.util import find_spec

from IPython import get_ipython

if find_spec("numpy_impl") is None:  # on Colab, or wherever the project is not installed
    get_ipython().run_line_magic("pip", "install --quiet git+@REPOSITORY@")

# %%
import numpy as np

from figures.charts import latent_space
from figures.choices import one_of_each, prior_draws, quantile_grid
from figures.galleries import manifold, reconstructions, samples
from figures.notebook import show, show_images
from foundation.architecture import Architecture
from foundation.data import load
from foundation.objective import Objective
from foundation.training import draw_batches
from numpy_impl import vae_numpy as vae
from numpy_impl.functional import sigmoid
from numpy_impl.optim import Adam

# %% [markdown]
# ## The data
#
# `glyphs` are digits drawn from the fonts of matplotlib: moved, turned, sheared, thickened, blurred. An image is an
# array of 1×28×28 numbers between 0 (black) and 1 (white). Training does not use the labels; they colour the pictures
# below.

# %%
train, test = load("glyphs", "train"), load("glyphs", "test")
print(train.describe())
print(test.describe())
print("images:", train.images.shape, train.images.dtype, "from", train.images.min(), "to", train.images.max())
show_images(train.images[:30])

# %% [markdown]
# ## The parameters
#
# All numbers that training will change lie in one dictionary, by name. Z = 2 latents, so that we can draw them. One
# generator, `rng`, draws all random numbers of this notebook.

# %%
rng = np.random.default_rng(0)
architecture = Architecture(latent_dim=2)
parameters = vae.init(architecture, rng)
for name, value in parameters.items():
    print(f"{name:32}{value.shape!s:18}{value.size:>9,} numbers")
print(f"{'together':50}{sum(value.size for value in parameters.values()):>9,}")

# %% [markdown]
# ## Image to distribution
#
# The encoder maps an image to a normal distribution over z, given by its mean `mu` and the logarithm of its variance,
# `logvar`. On the way, two convolutions halve the image, and a linear layer combines their features.

# %%
x = test.images[one_of_each(test.labels, 10)]
mu, logvar, encoder_hidden = vae.encode(parameters, x)
for name, value in {"x": x, **encoder_hidden._asdict(), "mu": mu, "logvar": logvar}.items():
    print(f"{name:8}{value.shape}")
print("mu of the first image:   ", mu[0])
print("sigma of the first image:", np.exp(logvar[0] / 2))

# %% [markdown]
# ## A draw, and back to an image
#
# z is a draw from that distribution, made from standard normal noise that we pass in ourselves: z = μ + σ ε. The
# decoder turns z into one *logit* per pixel. `sigmoid(logits)` is the probability that the pixel is white, and the
# expected image x̂. The hat marks an estimate. Before training, x̂ is grey.

# %%
eps = rng.standard_normal(mu.shape).astype(x.dtype)
z = vae.reparameterize(mu, logvar, eps)
logits, decoder_hidden = vae.decode(parameters, z)
for name, value in {"z": z, **decoder_hidden._asdict(), "logits": logits}.items():
    print(f"{name:8}{value.shape}")
x_hat = sigmoid(logits)
show_images(np.concatenate([x, x_hat]))

# %% [markdown]
# ## The loss in its parts
#
# The reconstruction term is the negative log-probability of the image under the decoder. The KL term measures how far
# the encoder's distribution is from the prior N(0, I). Both are in nats per image. Where every logit is 0, each pixel
# costs log 2, together 784 log 2 = 543 nats. Random initial weights give logits near 0 and a first reconstruction near
# this value: between 464 and 634 for 36 seeds and sizes.

# %%
objective = Objective()
parts = vae.loss(logits, x, mu, logvar, objective)
print(f"reconstruction {parts.reconstruction:.2f} + {objective.beta} × KL {parts.kl:.4f} = loss {parts.loss:.2f}")
print(f"784 log 2 = {784 * np.log(2):.2f}")

# %% [markdown]
# ## A gradient, checked
#
# `backward` gives the derivative of the loss by every parameter, through backward functions written by hand. Is
# one of them right? Move the parameter a little up and a little down, and see what the loss does. This needs
# float64: in float32 the loss changes in its last digits only.

# %%
exact = {name: value.astype(np.float64) for name, value in parameters.items()}
images, noise = x.astype(np.float64), eps.astype(np.float64)
run, hidden = vae.forward(exact, images, noise)
gradients = vae.backward(exact, images, noise, run, hidden, objective)

name, h = "encoder.conv2.weight", 1e-5
entry = np.unravel_index(np.abs(gradients[name]).argmax(), gradients[name].shape)  # its largest
losses = []
for step in (+h, -h):
    moved = exact[name].copy()
    moved[entry] += step
    run, _ = vae.forward(exact | {name: moved}, images, noise)
    losses.append(vae.loss(run.logits, images, run.mu, run.logvar, objective).loss)
numeric = (losses[0] - losses[1]) / (2 * h)
print(f"by hand   {gradients[name][entry]:+.7f}")
print(f"measured  {numeric:+.7f}")

# %% [markdown]
# `vae-ladder gradcheck` does this for every operation and every parameter.
#
# ## Training
#
# A step: forward, loss, backward, and Adam moves every parameter against its gradient. The printed losses are those of
# single batches, so they jump. Watch the two parts. At first the KL is close to 0: z carries no information yet, and
# the decoder learns the average image. Then the encoder encodes information in z: the KL rises, and the reconstruction
# falls by more.

# %%
optimizer = Adam(parameters, learning_rate=2e-3)
print("step    loss   reconstruction    KL")
steps = 0
for _epoch in range(2):
    for images, noise, _labels in draw_batches(rng, train, 64, lambda count: (count, 2)):
        parts = vae.train_step(parameters, optimizer, images, noise, objective)
        steps += 1
        if steps in (1, 20, 50) or steps % 100 == 0:
            print(f"{steps:4}{parts.loss:9.1f}{parts.reconstruction:13.1f}{parts.kl:10.2f}")

# %% [markdown]
# ## What it learned
#
# **Reconstructions.** Two latents for each image are enough for the digit and its slant, but not for its font.

# %%
chosen = one_of_each(test.labels, 20)
show(reconstructions(test.images[chosen], vae.reconstruct(parameters, test.images[chosen])))

# %% [markdown]
# **The latent space.** A point is the mean of q(z|x) for one test image. Training does not use the classes, but similar
# images have similar codes: then the noise in z changes the reconstruction little.

# %%
mu = np.concatenate([vae.encode(parameters, test.images[i : i + 500])[0] for i in range(0, len(test), 500)])
show(latent_space(mu, test.labels, test.classes))

# %% [markdown]
# **Samples.** The KL keeps the codes of all images near the prior. So z can be drawn from the prior, without any image,
# and the decoder makes a new one.

# %%
show(samples(vae.sample(parameters, prior_draws(2).astype(np.float32))[:50]))

# %% [markdown]
# **The manifold.** The whole latent plane at once, from its left lower to its right upper corner.

# %%
grid, quantiles = quantile_grid(13)
show(manifold(vae.sample(parameters, grid.astype(np.float32)), quantiles))

# %% [markdown]
# ## Your turn
#
# - Set `Objective(beta=8)` and train again from `vae.init`. What happens to the two parts, and to the samples?
# - Z = 10. Which of the pictures gets better, and which can no longer be drawn?
# - Write the parts yourself: the course in [exercises](../exercises/README.md) begins with a latent space, and ends
#   with the training step above.
# - What autograd takes over from all this: [the tour of rung 2](../pytorch_lowlevel/tour.ipynb).
