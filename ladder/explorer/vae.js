// The variational autoencoder in JavaScript, forward and backward by hand: the fourth column beside the three rungs.
//
//     encode          x -> mu, logvar               q(z|x) = Normal(mu, exp(logvar))
//     reparameterize  mu, logvar, eps -> z          z = mu + sigma * eps
//     decode          z -> logits                   p(x|z) = Bernoulli(sigmoid(logits))
//     loss            reconstruction + beta * KL    the negative ELBO, nats per image
//
// The functions stand in the order of the rungs' main files, and each `f_backward` directly under its `f`, as in
// numpy_impl/vae_numpy.py. An array is { data, shape }, with a Float32Array inside; parameters are an object of arrays
// under the names of rung 3's `state_dict()`. Shapes in comments: N images of C channels, H x W; C1, C2 channels and
// `hidden` units inside; Z latents.
// Source: Kingma & Welling (2014), Auto-Encoding Variational Bayes, arXiv:1312.6114.

import {
  add,
  binary_cross_entropy_with_logits,
  binary_cross_entropy_with_logits_backward,
  conv2d,
  conv2d_backward,
  conv2d_parameters_backward,
  conv_transpose2d,
  conv_transpose2d_backward,
  gaussian_nll_loss,
  gaussian_nll_loss_backward,
  linear,
  linear_backward,
  map,
  relu,
  relu_backward,
  reshape,
  sigmoid,
  sigmoid_backward,
  sum,
} from "./functional.js";
import { initial_parameters, named, parameter_shapes } from "./architecture.js";

export const DOWN = { stride: 2, padding: 1 };
export const UP = { stride: 2, padding: 1, output_padding: 1 };

/** Fresh parameters by name, drawn as torch's layers draw theirs. */
export function init(architecture, rng) {
  return initial_parameters(parameter_shapes(architecture), rng);
}

/** Weight and bias of a layer. */
export function layer(parameters, name) {
  return [parameters[`${name}.weight`], parameters[`${name}.bias`]];
}

/** Mean and log-variance of q(z|x) = Normal(mu, exp(logvar)), diagonal (appendix C.2); last, what `encode_backward` needs. */
export function encode(parameters, x) {
  const [, features] = parameters["encoder.fc.weight"].shape;
  const h1 = relu(conv2d(x, ...layer(parameters, "encoder.conv1"), DOWN)); // N C1 H/2 W/2
  const h2 = relu(conv2d(h1, ...layer(parameters, "encoder.conv2"), DOWN)); // N C2 H/4 W/4
  const h3 = relu(linear(reshape(h2, features), ...layer(parameters, "encoder.fc"))); // N hidden
  const mu = linear(h3, ...layer(parameters, "encoder.mu")); // N Z
  const logvar = linear(h3, ...layer(parameters, "encoder.logvar")); // N Z
  return [mu, logvar, { h1, h2, h3 }];
}

/** `encode` from its last line to its first: the encoder's gradients; h3 feeds mu and logvar, so dh3 is a sum. */
export function encode_backward(dmu, dlogvar, parameters, x, { h1, h2, h3 }) {
  const p = parameters;
  const [, features] = p["encoder.fc.weight"].shape;
  const [dh3_of_mu, ...dmu_layer] = linear_backward(dmu, h3, p["encoder.mu.weight"]);
  const [dh3_of_logvar, ...dlogvar_layer] = linear_backward(dlogvar, h3, p["encoder.logvar.weight"]);
  const dh3 = relu_backward(add(dh3_of_mu, dh3_of_logvar), h3);
  const [dh2, ...dfc] = linear_backward(dh3, reshape(h2, features), p["encoder.fc.weight"]);
  const [dh1, ...dconv2] = conv2d_backward(
    relu_backward(reshape(dh2, ...h2.shape.slice(1)), h2), h1, p["encoder.conv2.weight"], DOWN,
  );
  const dconv1 = conv2d_parameters_backward(relu_backward(dh1, h1), x, p["encoder.conv1.weight"], DOWN);
  return {
    ...named("encoder.conv1", dconv1),
    ...named("encoder.conv2", dconv2),
    ...named("encoder.fc", dfc),
    ...named("encoder.mu", dmu_layer),
    ...named("encoder.logvar", dlogvar_layer),
  };
}

/** z = mu + sigma * eps with sigma = exp(logvar / 2): a draw from q(z|x) if eps is one from N(0, I) (eq. 4). */
export function reparameterize(mu, logvar, eps) {
  return add(mu, map((l, e) => Math.exp(l / 2) * e, logvar, eps));
}

/** dmu = dz and dlogvar = dz * eps * sigma / 2, since sigma = exp(logvar / 2). */
export function reparameterize_backward(dz, logvar, eps) {
  const dsigma = map((d, e) => d * e, dz, eps);
  return [dz, map((d, l) => (d * Math.exp(l / 2)) / 2, dsigma, logvar)];
}

/** Logits of p(x|z) for images of `size` [height, width]; x_hat = sigmoid(logits) (appendix C.1). */
export function decode(parameters, z, size = [28, 28]) {
  const [height, width] = size;
  if (height % 4 || width % 4) throw new RangeError(`size: expected multiples of 4, got ${height}x${width}`);
  const [C2] = parameters["decoder.conv_transpose1.weight"].shape;
  const h4 = relu(linear(z, ...layer(parameters, "decoder.fc1"))); // N hidden
  const h5_flat = relu(linear(h4, ...layer(parameters, "decoder.fc2"))); // N C2*H/4*W/4
  const h5 = reshape(h5_flat, C2, height / 4, width / 4); // N C2 H/4 W/4
  const h6 = relu(conv_transpose2d(h5, ...layer(parameters, "decoder.conv_transpose1"), UP)); // N C1 H/2 W/2
  const logits = conv_transpose2d(h6, ...layer(parameters, "decoder.conv_transpose2"), UP); // N C H W
  return [logits, { h4, h5, h6 }];
}

/** `decode` from its last line to its first: dz, and the decoder's gradients. */
export function decode_backward(dlogits, parameters, z, { h4, h5, h6 }) {
  const p = parameters;
  const [features] = p["decoder.fc2.weight"].shape;
  const [dh6, ...dconv_transpose2] = conv_transpose2d_backward(dlogits, h6, p["decoder.conv_transpose2.weight"], UP);
  const [dh5, ...dconv_transpose1] = conv_transpose2d_backward(
    relu_backward(dh6, h6), h5, p["decoder.conv_transpose1.weight"], UP,
  );
  const [dh4, ...dfc2] = linear_backward(reshape(relu_backward(dh5, h5), features), h4, p["decoder.fc2.weight"]);
  const [dz, ...dfc1] = linear_backward(relu_backward(dh4, h4), z, p["decoder.fc1.weight"]);
  const gradients = {
    ...named("decoder.fc1", dfc1),
    ...named("decoder.fc2", dfc2),
    ...named("decoder.conv_transpose1", dconv_transpose1),
    ...named("decoder.conv_transpose2", dconv_transpose2),
  };
  return [dz, gradients];
}

/** The network of this file, as the functions below take it. networks.js makes others, of any depth. */
export const CONVOLUTIONS = { encode, encode_backward, decode, decode_backward };

/** x -> q(z|x) -> z -> p(x|z). */
export function forward(parameters, x, eps, network = CONVOLUTIONS) {
  const [mu, logvar, encoder_hidden] = network.encode(parameters, x);
  const z = reparameterize(mu, logvar, eps);
  const [logits, decoder_hidden] = network.decode(parameters, z, x.shape.slice(2));
  return [{ mu, logvar, z, logits }, [encoder_hidden, decoder_hidden]];
}

/** KL(Normal(mu, exp(logvar)) || Normal(0, 1)) = -1/2 sum(1 + logvar - mu^2 - exp(logvar)) in nats (appendix B). */
export function kl_divergence(mu, logvar) {
  return -sum((m, l) => 1 + l - m ** 2 - Math.exp(l), mu, logvar) / 2;
}

/** dmu = dy * mu and dlogvar = dy * (exp(logvar) - 1) / 2. */
export function kl_divergence_backward(dy, mu, logvar) {
  return [map((m) => dy * m, mu), map((l) => (dy * (Math.exp(l) - 1)) / 2, logvar)];
}

/** -log p(x|z), summed over pixels and batch, in nats. */
export function reconstruction_loss(logits, x, objective) {
  if (objective.likelihood === "gaussian") return gaussian_nll_loss(sigmoid(logits), x, objective.sigma ** 2);
  return binary_cross_entropy_with_logits(logits, x);
}

/** dlogits, by the chain rule through mean = sigmoid(logits) where the likelihood is Gaussian. */
export function reconstruction_loss_backward(dy, logits, x, objective) {
  if (objective.likelihood === "gaussian") {
    return sigmoid_backward(gaussian_nll_loss_backward(dy, sigmoid(logits), x, objective.sigma ** 2), logits);
  }
  return binary_cross_entropy_with_logits_backward(dy, logits, x);
}

/** The negative ELBO (eq. 7 with one draw of z) in its parts, nats per image; beta multiplies the KL alone. */
export function loss(logits, x, mu, logvar, objective) {
  const [N] = x.shape;
  const reconstruction = reconstruction_loss(logits, x, objective) / N;
  const kl = kl_divergence(mu, logvar) / N;
  return { loss: reconstruction + objective.beta * kl, reconstruction, kl };
}

/** dlogits from the reconstruction, dmu and dlogvar from the KL; both are means over the batch. */
export function loss_backward(logits, x, mu, logvar, objective, dy = 1) {
  const [N] = x.shape;
  const dlogits = reconstruction_loss_backward(dy / N, logits, x, objective);
  return [dlogits, ...kl_divergence_backward((dy * objective.beta) / N, mu, logvar)];
}

/** The gradient of the loss for every parameter; mu and logvar collect theirs from the KL and from z. */
export function backward(parameters, x, eps, run, hidden, objective, network = CONVOLUTIONS) {
  const [encoder_hidden, decoder_hidden] = hidden;
  const [dlogits, dmu, dlogvar] = loss_backward(run.logits, x, run.mu, run.logvar, objective);
  const [dz, decoder] = network.decode_backward(dlogits, parameters, run.z, decoder_hidden);
  const [dmu_of_z, dlogvar_of_z] = reparameterize_backward(dz, run.logvar, eps);
  const encoder = network.encode_backward(add(dmu, dmu_of_z), add(dlogvar, dlogvar_of_z), parameters, x, encoder_hidden);
  return { ...encoder, ...decoder };
}

/** One step of the optimiser on a batch, in place; the loss before it. A loss that is not finite takes no step. */
export function train_step(parameters, optimizer, x, eps, objective, network = CONVOLUTIONS) {
  const [run, hidden] = forward(parameters, x, eps, network);
  const parts = loss(run.logits, x, run.mu, run.logvar, objective);
  if (Number.isFinite(parts.loss)) optimizer.step(backward(parameters, x, eps, run, hidden, objective, network));
  return parts;
}

/** x_hat, the expected image E[x|z] in [0, 1], for latents drawn from the prior N(0, I) or chosen. */
export function sample(parameters, z, size = [28, 28], network = CONVOLUTIONS) {
  const [logits] = network.decode(parameters, z, size);
  return sigmoid(logits);
}

/** x_hat from the mean of q(z|x): eps is zero, so the result is repeatable. */
export function reconstruct(parameters, x, network = CONVOLUTIONS) {
  const [mu] = network.encode(parameters, x);
  return sample(parameters, mu, x.shape.slice(2), network);
}
