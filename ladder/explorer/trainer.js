// A small VAE that is trained in the page: an mlp on points of the plane, or on small images.

import { array, count } from "./convolution.js";
import { initial_parameters } from "./architecture.js";
import { open_model } from "./registry.js";
import { make_network, mlp_shapes } from "./networks.js";
import { Adam } from "./optim.js";
import { rng } from "./random.js";
import { train_step } from "./vae.js";

const KINDS = {
  points: { image_shape: [1, 1, 2], hidden_dims: [64, 64], activation: "tanh", likelihood: "gaussian", sigma: 0.05 },
  glyphs: { image_shape: [1, 28, 28], hidden_dims: [64], activation: "relu", likelihood: "bernoulli", sigma: 0.2 },
};

/**
 * A fresh model and its optimiser. Points are images of two pixels, x and y in [0, 1].
 *
 * `choices` may name seed, latent_dim, and each of the entries of its kind in KINDS.
 */
export function open_trainer({ kind, seed = 0, latent_dim = 2, ...choices }) {
  if (!Object.hasOwn(KINDS, kind)) throw new RangeError(`kind: expected one of ${Object.keys(KINDS)}, got ${kind}`);
  const { image_shape, ...options } = { network: "mlp", latent_dim, ...KINDS[kind], ...choices };
  const parameters = initial_parameters(mlp_shapes(options, image_shape), rng(seed));
  return trainer_of({ model: "vae", options, image_shape, class_count: 0 }, parameters);
}

/** The training of a described VAE from these parameters, which it changes in place. */
export function trainer_of(description, parameters) {
  const { options, image_shape } = description, network = make_network(options, image_shape);
  const optimizer = new Adam(parameters);
  return {
    model: open_model(description, parameters),

    /** One step of Adam on images x (N, C, H, W) with noise eps (N, Z); the loss before it, in nats per image. */
    step(x, eps, beta, learning_rate) {
      const N = x.length / count(image_shape);
      optimizer.learning_rate = learning_rate;
      const objective = { likelihood: options.likelihood, sigma: options.sigma, beta };
      const noise = array([N, options.latent_dim], eps);
      return train_step(parameters, optimizer, array([N, ...image_shape], x), noise, objective, network);
    },
  };
}
