// The sizes of the main files' VAE, and the values that parameters start from; foundation/architecture.py in JavaScript.

import { array, count } from "./convolution.js";

/** Every parameter's shape by its name, in the order of rung 3's `state_dict()`. */
export function parameter_shapes({ latent_dim, channels, hidden_dim, image_shape }) {
  const [C1, C2] = channels, [C, H, W] = image_shape, features = (C2 * H * W) / 16;
  return {
    ...named("encoder.conv1", [[C1, C, 3, 3], [C1]]),
    ...named("encoder.conv2", [[C2, C1, 3, 3], [C2]]),
    ...named("encoder.fc", [[hidden_dim, features], [hidden_dim]]),
    ...named("encoder.mu", [[latent_dim, hidden_dim], [latent_dim]]),
    ...named("encoder.logvar", [[latent_dim, hidden_dim], [latent_dim]]),
    ...named("decoder.fc1", [[hidden_dim, latent_dim], [hidden_dim]]),
    ...named("decoder.fc2", [[features, hidden_dim], [features]]),
    ...named("decoder.conv_transpose1", [[C2, C1, 3, 3], [C1]]),
    ...named("decoder.conv_transpose2", [[C1, C, 3, 3], [C]]),
  };
}

/** Draws from U(-b, b) with b = 1 / sqrt(fan_in), as in torch's layers; fan_in is the size of weight[0]. */
export function initial_parameters(shapes, rng) {
  const parameters = {};
  for (const [name, shape] of Object.entries(shapes)) {
    const [, ...inputs] = shapes[name.replace(/[^.]*$/, "weight")];
    const bound = 1 / Math.sqrt(count(inputs));
    parameters[name] = array(shape, Float32Array.from({ length: count(shape) }, () => (2 * rng.uniform() - 1) * bound));
  }
  return parameters;
}

/** What belongs to a layer's weight and to its bias, under their names. */
export function named(layer, [weight, bias]) {
  return { [`${layer}.weight`]: weight, [`${layer}.bias`]: bias };
}
