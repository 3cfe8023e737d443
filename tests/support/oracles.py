"""Independent answers: the same mathematics written a second time, as slowly and plainly as it can be.

Nothing here shares a line with the project's own operations, so that a mistake would have to be made twice.
"""

import decimal
import math
from typing import NamedTuple

import numpy as np


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def linear(x, weight, bias):
    y = np.zeros((x.shape[0], weight.shape[0]))
    for n in range(x.shape[0]):
        for o in range(weight.shape[0]):
            y[n, o] = 0 if bias is None else bias[o]
            for i in range(x.shape[1]):
                y[n, o] += x[n, i] * weight[o, i]
    return y


def linear_backward(dy, x, weight):
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), np.zeros(weight.shape[0])
    for n in range(x.shape[0]):
        for o in range(weight.shape[0]):
            dbias[o] += dy[n, o]
            for i in range(x.shape[1]):
                dx[n, i] += dy[n, o] * weight[o, i]
                dweight[o, i] += dy[n, o] * x[n, i]
    return dx, dweight, dbias


def taps(small_shape, kernel, large_shape, stride, padding):
    """Every (small pixel, kernel tap, large pixel) that a strided window over the large image joins."""
    (SH, SW), (PH, PW) = pair(stride), pair(padding)
    for row in range(small_shape[0]):
        for column in range(small_shape[1]):
            for i in range(kernel[0]):
                for j in range(kernel[1]):
                    h, w = row * SH + i - PH, column * SW + j - PW
                    if 0 <= h < large_shape[0] and 0 <= w < large_shape[1]:
                        yield row, column, i, j, h, w


def conv2d_size(x, weight, stride, padding):
    (H, W), (KH, KW), (SH, SW), (PH, PW) = x.shape[2:], weight.shape[2:], pair(stride), pair(padding)
    return (H + 2 * PH - KH) // SH + 1, (W + 2 * PW - KW) // SW + 1


def conv2d(x, weight, bias, stride=1, padding=0):
    size = conv2d_size(x, weight, stride, padding)
    y = np.zeros((x.shape[0], weight.shape[0], *size)) + (0 if bias is None else bias.reshape(1, -1, 1, 1))
    for row, column, i, j, h, w in taps(size, weight.shape[2:], x.shape[2:], stride, padding):
        for n in range(x.shape[0]):
            for o in range(weight.shape[0]):
                for c in range(x.shape[1]):
                    y[n, o, row, column] += x[n, c, h, w] * weight[o, c, i, j]
    return y


def conv2d_backward(dy, x, weight, stride=1, padding=0):
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), dy.sum(axis=(0, 2, 3))
    for row, column, i, j, h, w in taps(dy.shape[2:], weight.shape[2:], x.shape[2:], stride, padding):
        for n in range(x.shape[0]):
            for o in range(weight.shape[0]):
                for c in range(x.shape[1]):
                    dx[n, c, h, w] += dy[n, o, row, column] * weight[o, c, i, j]
                    dweight[o, c, i, j] += dy[n, o, row, column] * x[n, c, h, w]
    return dx, dweight, dbias


def conv_transpose2d_size(x, weight, stride, padding, output_padding):
    sizes = zip(x.shape[2:], weight.shape[2:], pair(stride), pair(padding), pair(output_padding), strict=True)
    return tuple((size - 1) * s - 2 * p + k + extra for size, k, s, p, extra in sizes)


def conv_transpose2d(x, weight, bias, stride=1, padding=0, output_padding=0):
    size = conv_transpose2d_size(x, weight, stride, padding, output_padding)
    y = np.zeros((x.shape[0], weight.shape[1], *size)) + (0 if bias is None else bias.reshape(1, -1, 1, 1))
    for row, column, i, j, h, w in taps(x.shape[2:], weight.shape[2:], size, stride, padding):
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                for o in range(weight.shape[1]):
                    y[n, o, h, w] += x[n, c, row, column] * weight[c, o, i, j]
    return y


def conv_transpose2d_backward(dy, x, weight, stride=1, padding=0, output_padding=0):
    dx, dweight, dbias = np.zeros(x.shape), np.zeros(weight.shape), dy.sum(axis=(0, 2, 3))
    for row, column, i, j, h, w in taps(x.shape[2:], weight.shape[2:], dy.shape[2:], stride, padding):
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                for o in range(weight.shape[1]):
                    dx[n, c, row, column] += dy[n, o, h, w] * weight[c, o, i, j]
                    dweight[c, o, i, j] += dy[n, o, h, w] * x[n, c, row, column]
    return dx, dweight, dbias


def exact_binary_cross_entropy(logit: float, target: float) -> float:
    """-[t log p + (1 - t) log(1 - p)] with p = sigmoid(logit), in nats, from 500 decimal digits."""
    with decimal.localcontext() as context:
        context.prec = 500
        l, t = decimal.Decimal(logit), decimal.Decimal(target)
        return float((1 + l.exp()).ln() - t * l)


def kl_by_quadrature(mu: float, logvar: float) -> float:
    """KL(N(mu, e^logvar) || N(0, 1)) of one latent, in nats: the integral of q log(q/p) on a fine grid."""
    sigma = math.exp(logvar / 2)
    z = np.linspace(mu - 14 * sigma, mu + 14 * sigma, 20_001)
    log_q = -0.5 * ((z - mu) / sigma) ** 2 - math.log(sigma) - 0.5 * math.log(2 * math.pi)
    log_p = -0.5 * z**2 - 0.5 * math.log(2 * math.pi)
    # The integrand is nothing at both ends, where a plain sum is the trapezium rule.
    return float(np.sum(np.exp(log_q) * (log_q - log_p)) * (z[1] - z[0]))


class LinearGaussian(NamedTuple):
    """The VAE whose log p(x) is known: z ~ N(0, I), x | z ~ N(W z + b, sigma^2 I).

    With orthogonal columns of W the posterior p(z|x) factorises over the latents, so that the diagonal q of a
    VAE can reach it and the ELBO can touch log p(x) (Bishop, PRML, section 12.2).
    """

    W: np.ndarray
    b: np.ndarray
    sigma: float

    def log_likelihood(self, x):
        """log p(x) of one x (D,): the density of N(b, W W^T + sigma^2 I)."""
        covariance = self.W @ self.W.T + self.sigma**2 * np.eye(len(x))
        _, log_determinant = np.linalg.slogdet(covariance)
        distance = (x - self.b) @ np.linalg.solve(covariance, x - self.b)
        return -0.5 * (distance + log_determinant + len(x) * math.log(2 * math.pi))

    def posterior(self, x):
        """Mean and log-variance (Z,) of p(z|x)."""
        precision = 1 + (self.W**2).sum(axis=0) / self.sigma**2
        return self.W.T @ (x - self.b) / self.sigma**2 / precision, -np.log(precision)

    def annealed(self, x, beta):
        """Mean and covariance of p(z) p(x|z)^beta, normalised, which is a Gaussian; at beta = 1 it is p(z|x)."""
        covariance = np.linalg.inv(np.eye(self.W.shape[1]) + beta * self.W.T @ self.W / self.sigma**2)
        return beta * covariance @ self.W.T @ (x - self.b) / self.sigma**2, covariance

    def rate(self, mean, covariance):
        """KL(Normal(mean, covariance) || p(z)) in nats."""
        log_determinant = np.linalg.slogdet(covariance)[1]
        return 0.5 * (np.trace(covariance) + mean @ mean - len(mean) - log_determinant)

    def distortion(self, x, mean, covariance):
        """-E[log p(x|z)] in nats over z from Normal(mean, covariance)."""
        error = ((x - self.b - self.W @ mean) ** 2).sum() + np.trace(self.W @ covariance @ self.W.T)
        return 0.5 * (error / self.sigma**2 + len(x) * math.log(2 * math.pi * self.sigma**2))


def kl_of_normals(mean, variance, other_mean, other_variance):
    """KL(N(mean, diag(variance)) || N(other_mean, diag(other_variance))) in nats, from full covariance matrices."""
    S, T, difference = np.diag(variance), np.diag(other_variance), other_mean - mean
    trace = np.trace(np.linalg.solve(T, S))
    distance = difference @ np.linalg.solve(T, difference)
    log_ratio = np.linalg.slogdet(T)[1] - np.linalg.slogdet(S)[1]
    return 0.5 * (trace + distance - len(mean) + log_ratio)
