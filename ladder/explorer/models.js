// The models of the papers whose prior is N(0, I) or none; paper/models in JavaScript, without training.
//
// registry.js opens them from a description and parameters. A model takes and gives plain typed arrays: images
// (N, C, H, W) in [0, 1], latents (N, Z) or maps (N, D, h, w), whose N follows from their length. A condition c has a row
// for each of them, or one for all. Losses are in nats per image.

import { array, count } from "./convolution.js";
import { reshape } from "./functional.js";
import { make_likelihood } from "./likelihoods.js";
import { code_layers, feature_shape, make_embedding, make_network, sequential } from "./networks.js";
import { log_normal_of_noise } from "./normal.js";

/** The parts of the plain VAE; what has no word here means what it does in foundation/rung.py. */
export const PLAIN = {
  posterior: true, prior: true, learned_prior: false, condition: "none", codes: false,
  closed_kl: true, // the KL has a closed form, to N(0, I) or to a learned Gaussian
  gaussian: true, // q(z|x) is a diagonal Gaussian
  flow: false, // z is not mu + sigma eps: latents have no mu and sigma of their own
};

/** The variational autoencoder of Kingma & Welling (2014), over either network and any likelihood; the beta-VAE too. */
export class VAE {
  traits = PLAIN;
  mask = null; // 1 where a pixel is given, H*W

  constructor({ options, image_shape, class_count }, parameters) {
    this.options = options;
    this.parameters = parameters;
    this.image_shape = image_shape;
    this.latent_shape = [options.latent_dim];
    this.classes = class_count;
    this.pixels = count(image_shape);
    this.likelihood = make_likelihood(options, parameters);
    this.network = this.make_network();
  }

  make_network() {
    return make_network(this.options, this.image_shape);
  }

  /** The condition of each image or label; null for a model without. */
  condition(x, labels = null) {
    return null;
  }

  /** What the encoder is given for images and their condition, and the decoder for latents. */
  encoder_input(x, c) {
    return batch(x, this.image_shape);
  }

  decoder_input(z, c) {
    return batch(z, this.latent_shape);
  }

  /** mu and logvar of q(z|x), each N*Z; logvar is null for a model without a variance. */
  encode(x, c = null) {
    const [mu, logvar] = this.network.encode(this.parameters, this.encoder_input(x, c));
    return { mu: mu.data, logvar: logvar.data };
  }

  /** The z that stands for an image in pictures: mu, unless a flow transforms it. */
  code(mu, logvar) {
    return mu;
  }

  /** z from q(z|x) for eps from N(0, I), N*Z; of each z log p(z) and log q(z|x), in nats. */
  draw_z(mu, logvar, eps, c = null) {
    const z = mu.map((m, i) => m + Math.exp(logvar[i] / 2) * eps[i]), [Z] = this.latent_shape;
    const log_p = sums(z, Z, (value) => log_normal_of_noise(value, 0));
    return { z, log_p, log_q: sums(eps, Z, (value, i) => log_normal_of_noise(value, logvar[i])) };
  }

  /** The eps of which `draw_z` makes z. */
  noise_of(z, mu, logvar) {
    return z.map((value, i) => (value - mu[i]) * Math.exp(-logvar[i] / 2));
  }

  /** mu and logvar of each latent of z, given those before it. */
  moments_at(z, mu, logvar) {
    return { mu, logvar };
  }

  /** z from the prior for eps from N(0, I), N*Z. */
  prior(eps, c = null) {
    return eps;
  }

  /** The outputs of p(x|z), N*C*H*W: logits for a Bernoulli. */
  decode(z, c = null) {
    const [logits] = this.network.decode(this.parameters, this.decoder_input(z, c), this.image_shape.slice(1));
    return logits.data;
  }

  /** x_hat in [0, 1], the expected image; with c, a model that is given a part of the image shows it in its place. */
  mean(logits, c = null) {
    return logits.map((l) => this.likelihood.mean(l));
  }

  /** An image from p(x|z); `uniform` gives numbers between 0 and 1. */
  draw(logits, uniform, c = null) {
    return logits.map((l) => this.likelihood.draw(l, uniform));
  }

  /** log p(x|z) of each image in nats, over the pixels that are modelled. */
  log_prob(logits, x) {
    const values = new Float64Array(logits.length / this.pixels), plane = this.image_shape[1] * this.image_shape[2];
    for (let i = 0; i < logits.length; i++) {
      if (this.mask !== null && this.mask[i % plane]) continue;
      values[Math.floor(i / this.pixels)] += this.likelihood.log_density(logits[i], x[i]);
    }
    return values;
  }

  /** KL(q(z_j|x) || p(z_j)) of each image and latent, N*Z, in nats (appendix B). */
  kl(mu, logvar, c = null) {
    return mu.map((m, i) => -(1 + logvar[i] - m ** 2 - Math.exp(logvar[i])) / 2);
  }

  /** The negative ELBO (eq. 7 with one draw of z) and its parts; eps N*Z. */
  loss(x, eps, beta = 1, c = null) {
    const { mu, logvar } = this.encode(x, c), drawn = this.draw_z(mu, logvar, eps, c);
    const reconstruction = -mean(this.log_prob(this.decode(drawn.z, c), x));
    const kl = this.traits.closed_kl ? sum(this.kl(mu, logvar, c)) / (x.length / this.pixels) : mean(drawn.log_q) - mean(drawn.log_p);
    return { loss: reconstruction + kl_term(this.options, beta, kl), reconstruction, kl };
  }

  /** The importance-weighted bound of K draws for each image (Burda et al. 2016), eps N*K*Z; K = 1 estimates the ELBO. */
  bound(x, eps, K, c = null) {
    return this.importance(x, eps, K, c).bounds;
  }

  /** The bounds, and what they are made of: mu, logvar, and log p(x|z_k) of each draw, N*K. */
  importance(x, eps, K, c = null) {
    const [Z] = this.latent_shape, { mu, logvar } = this.encode(x, c), N = mu.length / Z;
    const [mus, logvars, copies] = [[mu, Z], [logvar, Z], [x, this.pixels]].map(([rows, size]) => repeat_each(rows, size, K));
    const given = c === null || c.length === this.condition_size ? c : repeat_each(c, this.condition_size, K);
    const { z, log_p, log_q } = this.draw_z(mus, logvars, eps, given);
    const log_likelihoods = this.log_prob(this.decode(z, given), copies);
    const log_weights = log_likelihoods.map((value, i) => value + log_p[i] - log_q[i]);
    const bounds = Float64Array.from({ length: N }, (_, n) => log_mean_exp(log_weights.subarray(n * K, (n + 1) * K)));
    return { bounds, log_weights, mu, logvar, log_likelihoods };
  }
}

/** The importance-weighted autoencoder of Burda, Grosse & Salakhutdinov (2016): the VAE, trained on K draws at once. */
export class IWAE extends VAE {
  /** -L_K, or the mean of K estimates of the negative ELBO, and beside it the reconstruction as a mean over draws and the KL in closed form; eps N*K*Z. */
  loss(x, eps) {
    const N = x.length / this.pixels, K = eps.length / (N * this.latent_shape[0]);
    const { bounds, log_weights, mu, logvar, log_likelihoods } = this.importance(x, eps, K);
    const loss = -mean(this.options.bound === "elbo" ? log_weights : bounds);
    return { loss, reconstruction: -mean(log_likelihoods), kl: sum(this.kl(mu, logvar)) / N };
  }
}

/** The autoencoder: z = mu, and no KL term; the encoder's head for the log-variance is not used. */
export class Autoencoder extends VAE {
  traits = { ...PLAIN, posterior: false, prior: false };

  /** z; there is no variance. */
  encode(x) {
    return { mu: super.encode(x).mu, logvar: null };
  }

  /** -log p(x|z). */
  loss(x) {
    const reconstruction = -mean(this.log_prob(this.decode(this.encode(x).mu), x));
    return { loss: reconstruction, reconstruction };
  }
}

/** The conditional VAE (Sohn, Lee & Yan 2015) given the class: c is one-hot, N*K. */
export class ConditionalVAE extends VAE {
  traits = { ...PLAIN, condition: "label" };

  make_network() {
    const [C, H, W] = this.image_shape, K = this.classes;
    this.condition_size = K;
    const input_shape = this.options.network === "conv" ? [C + K, H, W] : [this.pixels + K];
    return make_network(this.options, this.image_shape, input_shape, K);
  }

  /** Labels, one number or a list, as one-hot vectors, whatever x is. */
  condition(x, labels = null) {
    if (labels === null) throw new RangeError("labels: expected the class of every image, got none");
    const list = typeof labels === "number" ? [labels] : Array.from(labels), c = new Float32Array(list.length * this.classes);
    list.forEach((label, n) => {
      if (!(label >= 0 && label < this.classes)) throw new RangeError(`labels: expected 0 to ${this.classes - 1}, got ${label}`);
      c[n * this.classes + label] = 1;
    });
    return c;
  }

  /** A convolution takes c as planes beside the image, the one of its class white; an mlp as numbers behind it. */
  encoder_input(x, c) {
    const [C, H, W] = this.image_shape;
    if (this.options.network === "mlp") return beside(x, this.pixels, need(c), this.classes, [this.pixels + this.classes]);
    return beside(x, this.pixels, repeat_each(need(c), 1, H * W), this.classes * H * W, [C + this.classes, H, W]);
  }

  decoder_input(z, c) {
    const [Z] = this.latent_shape;
    return beside(z, Z, need(c), this.classes, [Z + this.classes]);
  }
}

/** The conditional VAE given a part of the image: c is the image with all else black, and the mask, N*(C+1)*H*W. */
export class CompletionVAE extends VAE {
  traits = { ...PLAIN, condition: "part" };

  make_network() {
    const [C, H, W] = this.image_shape;
    this.condition_size = (C + 1) * H * W;
    this.mask = mask_of(this.options.condition, H, W);
    this.embedding = make_embedding(this.options, [C + 1, H, W]);
    return make_network(this.options, this.image_shape, [2 * C + 1, H, W], this.options.hidden_dims.at(-1));
  }

  /** The given pixels and the mask, as channels; `mask` may be another one than that which the model was trained with. */
  condition(x, labels = null, mask = this.mask) {
    if (x === null) throw new RangeError("x: expected the images whose part is given, got none");
    const N = x.length / this.pixels, c = new Float32Array(N * this.condition_size);
    for (let n = 0; n < N; n++) {
      for (let i = 0; i < this.pixels; i++) c[n * this.condition_size + i] = x[n * this.pixels + i] * mask[i % mask.length];
      c.set(mask, n * this.condition_size + this.pixels);
    }
    return c;
  }

  encoder_input(x, c) {
    const [C, H, W] = this.image_shape;
    return beside(x, this.pixels, need(c), this.condition_size, [2 * C + 1, H, W]);
  }

  /** The decoder is given c through a network of its own. */
  decoder_input(z, c) {
    const [C, H, W] = this.image_shape, [Z] = this.latent_shape;
    const embedded = sequential(this.parameters, this.embedding, batch(need(c), [C + 1, H, W])).at(-1);
    return beside(z, Z, embedded.data, embedded.shape[1], [Z + embedded.shape[1]]);
  }

  mean(logits, c = null) {
    return this.paste(super.mean(logits), c);
  }

  draw(logits, uniform, c = null) {
    return this.paste(super.draw(logits, uniform), c);
  }

  /** x_hat with the given pixels of c in their places. */
  paste(x_hat, c) {
    if (c === null) return x_hat;
    const plane = this.mask.length, one = c.length === this.condition_size;
    return x_hat.map((value, i) => {
      const row = one ? 0 : Math.floor(i / this.pixels) * this.condition_size, pixel = i % this.pixels;
      return c[row + this.pixels + (pixel % plane)] > 0 ? c[row + pixel] : value;
    });
  }
}

/** The VQ-VAE of van den Oord, Vinyals & Kavukcuoglu (2017): latents are numbers of entries of a codebook. */
export class VQVAE extends VAE {
  traits = { ...PLAIN, posterior: false, prior: false, codes: true };

  make_network() {
    const [, h, w] = feature_shape(this.options, this.image_shape);
    this.latent_shape = [this.options.code_dim, h, w];
    this.entries = this.parameters["codebook.entries"]; // K D
    this.layers = code_layers(this.options);
    return null;
  }

  /** z_e, a map of vectors, before it is rounded to entries. */
  vectors(x) {
    return sequential(this.parameters, this.layers.encoder, batch(x, this.image_shape)).at(-1).data;
  }

  /** k = argmin_j |z_e - e_j| at every place (eqs. 1 and 2), N*h*w. */
  codes(x) {
    return this.nearest(this.vectors(x));
  }

  nearest(z_e) {
    const [D, h, w] = this.latent_shape, [K] = this.entries.shape, e = this.entries.data, places = h * w;
    return Int32Array.from({ length: z_e.length / D }, (_, place) => {
      const start = Math.floor(place / places) * D * places + (place % places);
      let best = 0, least = Infinity;
      for (let k = 0; k < K; k++) {
        let distance = 0;
        for (let d = 0; d < D; d++) distance += (z_e[start + d * places] - e[k * D + d]) ** 2;
        if (distance < least) [best, least] = [k, distance];
      }
      return best;
    });
  }

  /** z_q: the entries of these numbers, N*D*h*w. */
  embed(codes) {
    const [D, h, w] = this.latent_shape, places = h * w, z = new Float32Array(codes.length * D);
    codes.forEach((k, place) => {
      const start = Math.floor(place / places) * D * places + (place % places);
      for (let d = 0; d < D; d++) z[start + d * places] = this.entries.data[k * D + d];
    });
    return z;
  }

  encode(x) {
    return { mu: this.embed(this.codes(x)), logvar: null };
  }

  decode(z) {
    return sequential(this.parameters, this.layers.decoder, batch(z, this.latent_shape)).at(-1).data;
  }

  /** Eq. 3 (its middle term where gradients teach the codebook), and the perplexity of the choice of entries. */
  loss(x) {
    const N = x.length / this.pixels, z_e = this.vectors(x), codes = this.nearest(z_e), z_q = this.embed(codes);
    const reconstruction = -mean(this.log_prob(this.decode(z_q), x));
    let commitment = 0;
    for (let i = 0; i < z_e.length; i++) commitment += (z_e[i] - z_q[i]) ** 2 / N;
    const weight = this.options.commitment + (this.options.codebook === "gradient" ? 1 : 0);
    const parts = { reconstruction, commitment, perplexity: perplexity(codes, this.options.codes) };
    return { loss: reconstruction + weight * commitment, ...parts };
  }
}

/** 1 in the part of an image, such as "upper-left", "bottom" or "all-but-lower-right", else 0. */
export function mask_of(part, height, width) {
  if (part.startsWith("all-but-")) return mask_of(part.slice("all-but-".length), height, width).map((given) => 1 - given);
  const words = part.split("-"), among = (...names) => names.some((name) => words.includes(name));
  return Float32Array.from({ length: height * width }, (_, i) => {
    const upper = i < Math.floor(height / 2) * width, left = i % width < Math.floor(width / 2);
    if (among("upper", "top") && !upper) return 0;
    if (among("lower", "bottom") && upper) return 0;
    if (among("left") && !left) return 0;
    return among("right") && left ? 0 : 1;
  });
}

/** beta KL; with a capacity, gamma |KL - C| (Burgess et al. 2018). */
function kl_term({ capacity = null, gamma }, beta, kl) {
  return capacity === null ? beta * kl : gamma * Math.abs(kl - capacity);
}

/** exp(-sum_k p_k log p_k) for the shares p of the K entries among these codes: between 1 and K. */
function perplexity(codes, K) {
  const p = new Float64Array(K);
  for (const k of codes) p[k] += 1 / codes.length;
  return Math.exp(-p.reduce((total, share) => total + (share > 0 ? share * Math.log(share) : 0), 0));
}

/** log 1/K sum_k w_k, without leaving the logarithm: a single w would underflow. */
export function log_mean_exp(log_weights) {
  const largest = Math.max(...log_weights);
  return largest + Math.log(mean(log_weights.map((value) => Math.exp(value - largest))));
}

/** Numbers as an array of rows of a shape. */
export function batch(values, shape) {
  if (values.length % count(shape)) throw new RangeError(`expected rows of ${shape.join("×")} numbers, got ${values.length}`);
  return reshape(array([values.length], values), ...shape);
}

/** The rows of a beside those of b, each of a given size, as an array of rows of a shape; b may have one row for all. */
function beside(a, size_a, b, size_b, shape) {
  const N = a.length / size_a, one = b.length === size_b, size = size_a + size_b, rows = new Float32Array(N * size);
  if (!one && b.length !== N * size_b) throw new RangeError(`c: expected ${N} rows of ${size_b} numbers, got ${b.length} numbers`);
  for (let n = 0; n < N; n++) {
    rows.set(a.subarray(n * size_a, (n + 1) * size_a), n * size);
    rows.set(one ? b : b.subarray(n * size_b, (n + 1) * size_b), n * size + size_a);
  }
  return batch(rows, shape);
}

/** The sums of f over rows of `size` numbers, in double precision. */
export function sums(values, size, f) {
  const totals = new Float64Array(values.length / size);
  for (let i = 0; i < values.length; i++) totals[Math.floor(i / size)] += f(values[i], i);
  return totals;
}

/** Each row of a given size K times. */
function repeat_each(rows, size, K) {
  const copies = new Float32Array(rows.length * K);
  for (let i = 0; i < copies.length; i++) copies[i] = rows[Math.floor(i / (size * K)) * size + (i % size)];
  return copies;
}

export function need(c) {
  if (c === null) throw new RangeError("c: expected the condition that the model is given, got none");
  return c;
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}

export function mean(values) {
  return sum(values) / values.length;
}
