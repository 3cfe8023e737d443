// The normal distribution: its distribution function, the inverse of that, and densities of latents; paper/models/normal.py.

/** Phi(x), the share of N(0, 1) below x: 1/2 + phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...) (Marsaglia 2004). */
export function ndtr(x) {
  if (Math.abs(x) > 8) return x < 0 ? 0 : 1;
  let sum = x, term = x;
  for (let k = 3; Math.abs(term) > 1e-18; k += 2) sum += term *= (x * x) / k;
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/** The x with Phi(x) = u, by halving [-8, 8]. */
export function ndtri(u) {
  let low = -8, high = 8;
  for (let i = 0; i < 56; i++) {
    const middle = (low + high) / 2;
    if (ndtr(middle) < u) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** log Normal(z; mu, exp(logvar)) for z = mu + sigma eps, in nats. */
export function log_normal_of_noise(eps, logvar) {
  return -(Math.log(2 * Math.PI) + logvar + eps ** 2) / 2;
}

/** log Normal(z; mu, exp(logvar)), in nats. */
export function log_normal(z, mu, logvar) {
  return log_normal_of_noise((z - mu) * Math.exp(-logvar / 2), logvar);
}
