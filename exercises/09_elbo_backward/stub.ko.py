"""연습 문제 09: 손실에서 q(z|x)로 거꾸로. exercises/09_elbo_backward.ko.md를 읽고 함수 세 개를 쓴다."""

import numpy as np


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    """주어진 함수: 1 / (1 + exp(-logits)). 오버플로가 일어나지 않게 썼다."""
    return (1 + np.tanh(logits / 2)) / 2


def _decode(z: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """주어진 함수: 선형 층 하나로 된, 가장 작은 디코더. z (N, Z), weight (D, Z), bias (D,) -> logits (N, D)."""
    return z @ weight.T + bias


def _decode_backward(dlogits: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """주어진 함수: z에 대한 그 역전파. 연습 문제 08과 같다. dlogits (N, D), weight (D, Z) -> dz (N, Z)."""
    return dlogits @ weight


def reconstruction_backward(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """재구성 항 -log Bernoulli(x; sigmoid(logits))의 기울기, 단위는 이미지당 내트.

    이 항은 픽셀에 대해 더하고 이미지에 대해 평균한 것이다.
    logits, x: (N, D) float64: 픽셀이 D개인 이미지 N장, x는 [0, 1]의 값.
    반환값: dlogits, (N, D).
    """
    raise NotImplementedError


def kl_backward(mu: np.ndarray, logvar: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """KL 항 KL(Normal(mu, exp(logvar)) || Normal(0, 1))의 기울기, 단위는 이미지당 내트.

    이 항은 잠재 변수에 대해 더하고 이미지에 대해 평균한 것이다.
    mu, logvar: (N, Z) float64: 이미지 N장, 잠재 변수 Z개.
    반환값: (dmu, dlogvar), 둘의 모양은 (N, Z).
    """
    raise NotImplementedError


def elbo_backward(
    x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, weight: np.ndarray, bias: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """손실, 곧 음의 ELBO인 재구성 + KL의 기울기, 단위는 이미지당 내트.

    순전파: z = mu + exp(logvar / 2) * eps, 그다음 logits = _decode(z, weight, bias).
    x: (N, D) float64, [0, 1]의 값. mu, logvar: (N, Z). eps: (N, Z), 뽑은 잡음. 고정되어 있다.
    weight: (D, Z), bias: (D,), 디코더의 매개변수.
    반환값: (dlogits, dmu, dlogvar), 모양은 (N, D), (N, Z), (N, Z). 뒤의 둘은 두 경로를 모두 거친 것이다.
    """
    raise NotImplementedError
