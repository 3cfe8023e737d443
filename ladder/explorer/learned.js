// Models whose prior is learned, or whose q(z|x) is no diagonal Gaussian; paper/models/vampprior.py, cvae.py,
// hierarchical.py and iaf_vae.py in JavaScript.
//
// Rows of numbers are plain typed arrays, N*Z, as in models.js.

import { array } from "./convolution.js";
import { linear, map, sigmoid, sigmoid_of, tanh } from "./functional.js";
import { CompletionVAE, ConditionalVAE, PLAIN, VAE, batch, log_mean_exp, need, sums } from "./models.js";
import { make_encoder } from "./networks.js";
import { log_normal, log_normal_of_noise, ndtr, ndtri } from "./normal.js";
import { layer } from "./vae.js";

/** sigmoid(2) = 0.88: a new flow keeps most of z. */
const FORGET = 2;

/** The VAE with a prior of K components, all equally likely (Tomczak & Welling 2018), or a mixture of Gaussians. */
export class VampPriorVAE extends VAE {
  traits = { ...PLAIN, closed_kl: false, learned_prior: true };

  make_network() {
    const network = super.make_network(), { parameters } = this;
    if (this.options.components_are === "mixture") {
      this.components = { mu: parameters["mixture.mu"].data, logvar: parameters["mixture.logvar"].data };
    } else {
      this.pseudo_inputs = sigmoid(parameters["pseudo_inputs.logits"]); // K C H W
      const [mu, logvar] = network.encode(parameters, this.pseudo_inputs);
      this.components = { mu: mu.data, logvar: logvar.data };
    }
    return network;
  }

  draw_z(mu, logvar, eps, c = null) {
    const drawn = super.draw_z(mu, logvar, eps), [Z] = this.latent_shape;
    const log_p = drawn.log_p.map((_, n) => this.log_prior(drawn.z.subarray(n * Z, (n + 1) * Z)));
    return { ...drawn, log_p };
  }

  /** log 1/K sum_k Normal(z; mu_k, exp(logvar_k)) of one z. */
  log_prior(z) {
    const { mu, logvar } = this.components, Z = z.length;
    return log_mean_exp(sums(mu, Z, (m, i) => log_normal(z[i % Z], m, logvar[i])));
  }

  /** The first number of each eps chooses the component, and what its quantile leaves over is noise again. */
  prior(eps, c = null) {
    const { mu, logvar } = this.components, [Z] = this.latent_shape, K = mu.length / Z, z = new Float32Array(eps.length);
    for (let n = 0; n < eps.length; n += Z) {
      const place = ndtr(eps[n]) * K, k = Math.min(K - 1, Math.floor(place));
      const rest = ndtri(Math.min(1 - 1e-12, Math.max(1e-12, place - k)));
      for (let j = 0; j < Z; j++) z[n + j] = mu[k * Z + j] + Math.exp(logvar[k * Z + j] / 2) * (j === 0 ? rest : eps[n + j]);
    }
    return z;
  }
}

/** A conditional VAE with p(z|c) a Gaussian for each condition; `moments_of` makes [mu, logvar] of c. */
function with_learned_prior(Conditional, moments_of) {
  return class extends Conditional {
    make_network() {
      const network = super.make_network();
      this.prior_moments = moments_of(this);
      return network;
    }

    /** [mu, logvar] of p(z|c) at each of `length` numbers of z, whose c has a row for each or one for all. */
    _prior_at(c, length) {
      const moments = this.prior_moments(need(c)), [Z] = this.latent_shape;
      return moments.map(({ data }) => (i) => data[data.length === Z && length !== Z ? i % Z : i]);
    }

    /** KL of two Gaussians. */
    kl(mu, logvar, c = null) {
      const [prior_mu, prior_logvar] = this._prior_at(c, mu.length);
      return mu.map((m, i) => {
        const ratio = logvar[i] - prior_logvar(i);
        return -(1 + ratio - (m - prior_mu(i)) ** 2 * Math.exp(-prior_logvar(i)) - Math.exp(ratio)) / 2;
      });
    }

    draw_z(mu, logvar, eps, c = null) {
      const drawn = super.draw_z(mu, logvar, eps), [Z] = this.latent_shape;
      const [prior_mu, prior_logvar] = this._prior_at(c, mu.length);
      return { ...drawn, log_p: sums(drawn.z, Z, (value, i) => log_normal(value, prior_mu(i), prior_logvar(i))) };
    }

    prior(eps, c = null) {
      const [prior_mu, prior_logvar] = this._prior_at(c, eps.length);
      return eps.map((value, i) => prior_mu(i) + Math.exp(prior_logvar(i) / 2) * value);
    }
  };
}

/** Given the class: for one-hot labels a linear map is any map. */
const LabelPrior = with_learned_prior(ConditionalVAE, ({ parameters, classes }) => (c) => {
  const rows = batch(c, [classes]);
  return ["mu", "logvar"].map((name) => linear(rows, ...layer(parameters, `prior_network.${name}`)));
});

/** Given a part of the image: by a network like the encoder. */
const PartPrior = with_learned_prior(CompletionVAE, ({ options, parameters, image_shape: [C, H, W] }) => {
  const encode = make_encoder(options, [C + 1, H, W], parameters, "prior_network.");
  return (c) => encode(batch(c, [C + 1, H, W]));
});

export class LearnedPriorConditionalVAE extends LabelPrior {
  traits = { ...PLAIN, condition: "label", learned_prior: true };
}

export class LearnedPriorCompletionVAE extends PartPrior {
  traits = { ...PLAIN, condition: "part", learned_prior: true };
}

/** Two layers of latents (Rezende et al. 2014): z1 and z2 in one row, z1 first; x is decoded from z1 alone. */
export class HierarchicalVAE extends VAE {
  traits = { ...PLAIN, closed_kl: false, learned_prior: true, gaussian: false };

  make_network() {
    this.below = this.options.latent_dim;
    this.latent_shape = [this.below + this.options.top_dim];
    return super.make_network();
  }

  /** z2 given z1, or z1 given z2: [mu, logvar], by two hidden layers of tanh. */
  _conditional(name, rows, size) {
    const { parameters } = this, hidden = (x, number) => tanh(linear(x, ...layer(parameters, `${name}.hidden${number}`)));
    const h = hidden(hidden(batch(rows, [size]), 1), 2);
    return ["mu", "logvar"].map((head) => linear(h, ...layer(parameters, `${name}.${head}`)).data);
  }

  _above(z1) {
    return this._conditional("encoder_top", z1, this.below);
  }

  /** The parts of each row that belong to z1, or to z2. */
  _lower(rows) {
    const [Z] = this.latent_shape;
    return rows.filter((_, i) => i % Z < this.below);
  }

  _upper(rows) {
    const [Z] = this.latent_shape;
    return rows.filter((_, i) => i % Z >= this.below);
  }

  /** Rows of z1 beside those of z2. */
  _joined(lower, upper) {
    const [Z] = this.latent_shape, { below } = this, above = Z - below;
    return Float32Array.from({ length: (lower.length / below) * Z }, (_, i) => {
      const n = Math.floor(i / Z), j = i % Z;
      return j < below ? lower[n * below + j] : upper[n * above + j - below];
    });
  }

  /** mu and logvar of q(z1|x), and behind them those of q(z2|z1) where z1 is at its mean. */
  encode(x) {
    const { mu, logvar } = super.encode(x), [mu_top, logvar_top] = this._above(mu);
    return { mu: this._joined(mu, mu_top), logvar: this._joined(logvar, logvar_top) };
  }

  decoder_input(z, c) {
    return batch(this._lower(z), [this.below]);
  }

  moments_at(z, mu, logvar) {
    const [mu_top, logvar_top] = this._above(this._lower(z));
    return { mu: this._joined(this._lower(mu), mu_top), logvar: this._joined(this._lower(logvar), logvar_top) };
  }

  draw_z(mu, logvar, eps, c = null) {
    const [Z] = this.latent_shape, above = Z - this.below, shift = (m, l, e) => m.map((value, i) => value + Math.exp(l[i] / 2) * e[i]);
    const z1 = shift(this._lower(mu), this._lower(logvar), this._lower(eps)), [mu2, logvar2] = this._above(z1);
    const z2 = shift(mu2, logvar2, this._upper(eps)), spread = this._joined(this._lower(logvar), logvar2);
    const log_q = sums(eps, Z, (value, i) => log_normal_of_noise(value, spread[i]));
    const [prior_mu, prior_logvar] = this._below(z2);
    const log_p1 = sums(z1, this.below, (value, i) => log_normal(value, prior_mu[i], prior_logvar[i]));
    const log_p = sums(z2, above, (value) => log_normal_of_noise(value, 0)).map((value, n) => value + log_p1[n]);
    return { z: this._joined(z1, z2), log_p, log_q };
  }

  noise_of(z, mu, logvar) {
    const moments = this.moments_at(z, mu, logvar);
    return super.noise_of(z, moments.mu, moments.logvar);
  }

  _below(z2) {
    return this._conditional("decoder_top", z2, this.latent_shape[0] - this.below);
  }

  /** z2 from N(0, I), then z1 from p(z1|z2). */
  prior(eps, c = null) {
    const z2 = this._upper(eps), [mu, logvar] = this._below(z2);
    return this._joined(this._lower(eps).map((value, i) => mu[i] + Math.exp(logvar[i] / 2) * value), z2);
  }
}

/** q(z|x) transformed by an inverse autoregressive flow (Kingma et al. 2016). */
export class IAFVAE extends VAE {
  traits = { ...PLAIN, closed_kl: false, gaussian: false, flow: true };

  make_network() {
    const { latent_dim, flow_steps } = this.options;
    this.flow = Array.from({ length: flow_steps }, (_, t) => make_step(this.parameters, `flow.${t}`, latent_dim));
    return super.make_network();
  }

  /** Where the flow takes mu. */
  code(mu, logvar) {
    return this.draw_z(mu, logvar, new Float32Array(mu.length)).z;
  }

  /** Latents are in reverse order after each step, so that every one of them is the last in turn. */
  draw_z(mu, logvar, eps, c = null) {
    const [Z] = this.latent_shape, start = super.draw_z(mu, logvar, eps), { log_q } = start;
    let { z } = start;
    for (const step of this.flow) {
      const { m, gate } = step(z, mu, logvar);
      sums(gate, Z, Math.log).forEach((value, n) => (log_q[n] -= value));
      z = reversed(z.map((value, i) => gate[i] * value + (1 - gate[i]) * m[i]), Z);
    }
    return { z, log_q, log_p: sums(z, Z, (value) => log_normal_of_noise(value, 0)) };
  }

  /** The flow backwards: each latent of a step follows from those before it. */
  noise_of(z, mu, logvar) {
    const [Z] = this.latent_shape;
    for (const step of [...this.flow].reverse()) {
      const after = reversed(z, Z), before = new Float32Array(z.length);
      for (let j = 0; j < Z; j++) {
        const { m, gate } = step(before, mu, logvar);
        for (let i = j; i < z.length; i += Z) before[i] = (after[i] - (1 - gate[i]) * m[i]) / gate[i];
      }
      z = before;
    }
    return super.noise_of(z, mu, logvar);
  }
}

/** A masked autoencoder (Germain et al. 2015): z and the context mu, logvar -> m and sigmoid(s + 2), each N*Z. */
function make_step(parameters, name, Z) {
  const hidden_dim = parameters[`${name}.inputs.bias`].shape[0];
  const degree = (unit) => Math.floor((unit * Z) / hidden_dim);
  const masked = (part, sees) => {
    const { data, shape } = parameters[`${name}.${part}.weight`];
    return array(shape, data.map((value, i) => (sees(Math.floor(i / shape[1]), i % shape[1]) ? value : 0)));
  };
  const inputs = masked("inputs", (unit, place) => place < degree(unit));
  const [m, s] = ["m", "s"].map((part) => masked(part, (place, unit) => degree(unit) <= place));
  const bias = (part) => parameters[`${name}.${part}.bias`], none = array([hidden_dim]);
  return (z, mu, logvar) => {
    const context = beside(mu, logvar, Z), h = linear(context, parameters[`${name}.context.weight`], none);
    const hidden = map((a, b) => elu(a + b), linear(batch(z, [Z]), inputs, bias("inputs")), h);
    return { m: linear(hidden, m, bias("m")).data, gate: linear(hidden, s, bias("s")).data.map((value) => sigmoid_of(value + FORGET)) };
  };
}

function elu(value) {
  return value > 0 ? value : Math.expm1(value);
}

/** Rows of a beside those of b, each of Z numbers. */
function beside(a, b, Z) {
  const N = a.length / Z, rows = array([N, 2 * Z]);
  for (let n = 0; n < N; n++) {
    rows.data.set(a.subarray(n * Z, (n + 1) * Z), 2 * n * Z);
    rows.data.set(b.subarray(n * Z, (n + 1) * Z), (2 * n + 1) * Z);
  }
  return rows;
}

/** The numbers of each row in reverse order. */
function reversed(rows, Z) {
  return rows.map((_, i) => rows[i - (i % Z) + Z - 1 - (i % Z)]);
}
