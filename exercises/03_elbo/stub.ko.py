"""연습 문제 03: 검증할 수 있는 하한. exercises/03_elbo.ko.md를 읽고, 예측한 다음 나머지를 쓴다."""

import numpy as np


def sign_of_gap(q: str, draws: str) -> str:
    """예측: ELBO는 log p(x)보다 작은가, 큰가, 같은가? 계산은 필요 없다.

    q: q(z|x)가 p(z|x) 자체이면 "posterior", N(0, I)이면 "prior", 평균은 사후 분포와 같고 분산은 절반이면 "narrow".
    draws: 무작위 z 하나로 추정한 값이면 "one", 모든 z ~ q에 대한 정확한 평균이면 "all".
    반환값: 언제나 그러하면 "equal", "below", "above" 가운데 하나, 작을 수도 있고 클 수도 있으면 "either".
    """
    raise NotImplementedError


def log_joint(x: np.ndarray, z: np.ndarray, weight: np.ndarray, bias: np.ndarray, sigma: float) -> np.ndarray:
    """log p(x, z) = log p(x|z) + log p(z), 단위는 내트: p(x|z) = Normal(weight z + bias, sigma^2), p(z) = N(0, I).

    x: (N, D) float64, 이미지. z: (N, Z), 이미지마다 잠재 변수의 벡터 하나.
    weight: (D, Z), bias: (D,), 디코더. sigma: 모든 픽셀의 표준편차.
    반환값: (N,).
    """
    raise NotImplementedError


def log_q(z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """log q(z|x), 단위는 내트. q(z|x) = Normal(mu, exp(logvar))이고 잠재 변수는 모두 서로 독립이다.

    z, mu, logvar: (N, Z) float64. 반환값: (N,).
    """
    raise NotImplementedError


def elbo(
    x: np.ndarray,
    mu: np.ndarray,
    logvar: np.ndarray,
    eps: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray,
    sigma: float,
) -> np.ndarray:
    """이미지마다의 ELBO, 단위는 내트. q(z|x)에서 뽑은 표본 L개, 곧 z = mu + exp(logvar / 2) * eps로 추정한다.

    x: (N, D) float64, 이미지. mu, logvar: (N, Z), q(z|x)의 평균과 로그 분산.
    eps: (L, N, Z), 표본의 잡음. weight: (D, Z), bias: (D,), sigma: 디코더, `log_joint`와 같다.
    반환값: (N,). log p(x, z) - log q(z|x)를 표본에 대해 평균한 것.
    """
    raise NotImplementedError
