// p(x|z): what the decoder's logits say about an image, as densities, as the expected image, and as draws;
// paper/models/likelihoods.py in JavaScript. Pixels are independent given z, so everything here is about one pixel.

import { sigmoid_of } from "./functional.js";

/** Continuous Bernoulli: logits nearer to 0 than this go into a series. */
const SMALL = 0.1;

/** Black or white, white with probability sigmoid(l). */
const BERNOULLI = {
  log_density: (l, x) => l * x - Math.max(l, 0) - Math.log1p(Math.exp(-Math.abs(l))),
  mean: sigmoid_of,
  draw: (l, uniform) => (uniform() < sigmoid_of(l) ? 1 : 0),
};

/** Normal(sigmoid(l), sigma^2) (Kingma & Welling 2014, appendix C.2, with one sigma for all pixels). */
function gaussian(sigma) {
  const constant = Math.log(sigma) + Math.log(2 * Math.PI) / 2;
  return {
    sigma,
    log_density: (l, x) => -(((x - sigmoid_of(l)) / sigma) ** 2) / 2 - constant,
    mean: sigmoid_of,
    draw: (l, uniform) => sigmoid_of(l) + sigma * normal(uniform),
  };
}

/** Grey pixels under the Bernoulli's formula, normalised (Loaiza-Ganem & Cunningham 2019, arXiv:1907.06845). */
const CONTINUOUS_BERNOULLI = {
  log_density: (l, x) => log_normaliser(l) + BERNOULLI.log_density(l, x),

  /** E[x] = 1 / (1 - exp(-l)) - 1 / l, which is nearer to 1/2 than sigmoid(l). */
  mean(l) {
    if (Math.abs(l) < SMALL) return 0.5 + l / 12 - l ** 3 / 720 + l ** 5 / 30240;
    const size = Math.abs(l), positive = -1 / Math.expm1(-size) - 1 / size;
    return l > 0 ? positive : 1 - positive;
  },

  /** By the inverse of the distribution function F(x) = (exp(l x) - 1) / (exp(l) - 1). */
  draw(l, uniform) {
    const size = Math.max(Math.abs(l), 1e-6); // below, the density is flat; at 0, F is 0 / 0
    const negative = -Math.log1p(uniform() * Math.expm1(-size)) / size;
    return l > 0 ? 1 - negative : negative;
  },
};

/** log C(lambda) = log(l / tanh(l / 2)); at l = 0 this is 0 / 0, so that a series takes its place nearby. */
function log_normaliser(l) {
  const size = Math.abs(l), h = (l / 2) ** 2;
  if (size < SMALL) return Math.log(2) + h / 3 - (7 * h ** 2) / 90 + (62 * h ** 3) / 2835;
  return Math.log(size) + Math.log1p(Math.exp(-size)) - Math.log(-Math.expm1(-size));
}

/** Probabilities of 256 levels: a logistic variable around (1 + l) / 2, clipped and rounded (Salimans et al. 2017). */
function discretised_logistic(scale) {
  const half = 0.5 / 255, width = Math.log(-Math.expm1((-2 * half) / scale));
  const location = (l) => (1 + l) / 2;
  return {
    log_density(l, x) {
      const below = -softplus(-(x + half - location(l)) / scale), above = -softplus((x - half - location(l)) / scale);
      if (x < half) return below;
      return x > 1 - half ? above : below + above + width;
    },

    /** After clipping and before rounding; paper/models/likelihoods.py says why this way. */
    mean(l) {
      const distance = Math.abs(l) / 2;
      const lower = scale * (softplus((0.5 - distance) / scale) - softplus((-0.5 - distance) / scale));
      return Math.min(Math.max(l > 0 ? 1 - lower : lower, 0), 1);
    },

    draw(l, uniform) {
      const u = uniform(), x = location(l) + scale * (Math.log(u) - Math.log1p(-u));
      return Math.round(Math.min(Math.max(x, 0), 1) * 255) / 255;
    },
  };
}

/** log(1 + exp(t)), without overflow. */
function softplus(t) {
  return Math.max(t, 0) + Math.log1p(Math.exp(-Math.abs(t)));
}

/** A draw from N(0, 1) by two uniform ones (Box & Muller 1958). */
function normal(uniform) {
  return Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The likelihood of a model's options; a sigma or scale that was learned is a tensor of its own. */
export function make_likelihood({ likelihood, sigma }, parameters) {
  if (likelihood === "gaussian") return gaussian(sigma);
  if (likelihood === "gaussian-learned" || likelihood === "gaussian-optimal")
    return gaussian(Math.exp(parameters["likelihood.log_sigma"].data[0]));
  if (likelihood === "discretised-logistic")
    return discretised_logistic(Math.exp(parameters["likelihood.log_scale"].data[0]));
  return likelihood === "continuous-bernoulli" ? CONTINUOUS_BERNOULLI : BERNOULLI;
}
