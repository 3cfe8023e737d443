// The optimiser with torch's numerics: made over parameters by name, which `step(gradients)` updates in place.

/**
 * Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1), with eps outside the root as in `torch.optim.Adam`.
 *
 * m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  parameter -= learning_rate * m^ / (sqrt(v^) + eps)
 * with the bias-corrected m^ = m / (1 - b1^t) and v^ = v / (1 - b2^t).
 */
export class Adam {
  constructor(parameters, learning_rate = 1e-3, betas = [0.9, 0.999], eps = 1e-8) {
    this.parameters = parameters;
    this.learning_rate = learning_rate;
    this.betas = betas;
    this.eps = eps;
    this.t = 0;
    this.m = zeros_like(parameters);
    this.v = zeros_like(parameters);
  }

  /** One update of every parameter; the gradients stay as they are. */
  step(gradients) {
    this.t += 1;
    const [b1, b2] = this.betas;
    const c1 = 1 - b1 ** this.t, c2 = 1 - b2 ** this.t;
    for (const [name, parameter] of Object.entries(this.parameters)) {
      if (!(name in gradients)) throw new RangeError(`gradients: expected one for every parameter, but ${name} is missing`);
      const p = parameter.data, g = gradients[name].data, m = this.m[name], v = this.v[name];
      for (let i = 0; i < p.length; i++) {
        m[i] = b1 * m[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        p[i] -= (this.learning_rate * (m[i] / c1)) / (Math.sqrt(v[i] / c2) + this.eps);
      }
    }
  }
}

function zeros_like(parameters) {
  return Object.fromEntries(Object.entries(parameters).map(([name, { data }]) => [name, new Float32Array(data.length)]));
}
