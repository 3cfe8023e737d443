"""Numbers of papers, each with where it stands and whether it was read there when it was written down here."""

from typing import NamedTuple

RECALLED = "as recalled, not read at the source"
PYRO = "github.com/pyro-ppl/pyro, tutorial/source/cvae.ipynb, read there"


class Published(NamedTuple):
    """A published number."""

    value: float
    source: str
    """Where a reader finds it, and whether it was read there"""


def recalled(value: float, where: str) -> Published:
    """A number whose source could not be opened."""
    return Published(value, f"{where}, {RECALLED}")


BURDA = "Burda et al. (2016), table 1"
BURDA_NLL = {
    ("VAE", 1): recalled(86.76, BURDA),
    ("VAE", 5): recalled(86.47, BURDA),
    ("VAE", 50): recalled(86.35, BURDA),
    ("IWAE", 5): recalled(85.54, BURDA),
    ("IWAE", 50): recalled(84.78, BURDA),
}
"""-log p(x) in nats of MNIST's test images by 5000 draws, one stochastic layer, by method and k. IWAE and VAE with
k = 1 are one model."""
BURDA_ACTIVE = {
    ("VAE", 1): recalled(19.0, BURDA),
    ("VAE", 5): recalled(20.0, BURDA),
    ("VAE", 50): recalled(20.0, BURDA),
    ("IWAE", 5): recalled(22.0, BURDA),
    ("IWAE", 50): recalled(25.0, BURDA),
}
"""Active units, of 50."""
HIGGINS = "Higgins et al. (2017), table 1"
HIGGINS_METRIC = {
    "VAE": recalled(0.6158, HIGGINS),
    "β-VAE, β = 4": recalled(0.9923, HIGGINS),
}
"""Their metric on dSprites."""
SOHN_NETWORK = {1: Published(100.4, PYRO), 2: Published(61.9, PYRO), 3: Published(25.4, PYRO)}
"""-log p(missing|given) of the network without latents, by the number of quadrants given: Pyro's, of grey pixels."""
SOHN_CVAE = {1: Published(71.8, PYRO), 2: Published(51.0, PYRO), 3: Published(24.2, PYRO)}
"""-ELBO of the CVAE, as a mean over draws, of grey pixels: what Pyro's table calls Monte Carlo."""
