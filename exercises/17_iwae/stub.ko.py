"""연습 문제 17: 표본이 많을수록 촘촘한 하한. exercises/17_iwae.ko.md를 읽고 함수를 쓴다."""

import numpy as np


def log_mean_exp(log_w: np.ndarray) -> np.ndarray:
    """이미지마다 log((w_1 + ... + w_K) / K)를 가중치의 로그에서 구한다. 로그가 유한하면 결과도 유한하다.

    log_w: (N, K) float64, 이미지 N장마다 표본 K개의 로그 가중치, 단위는 내트. -1000에 가까울 때가 많다.
    반환값: (N,).
    """
    raise NotImplementedError


def log_weights(log_likelihood: np.ndarray, z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """표본마다 log p(x|z) + log p(z) - log q(z|x). p(z) = Normal(0, I)이고 q = Normal(mu, exp(logvar))이다.

    log_likelihood: (N, K) float64, log p(x|z), 단위는 내트. 이미지 N장마다 z의 표본 K개에 대한 것이다.
    z: (N, K, Z) float64, 그 표본. mu, logvar: (N, Z) float64, q(z|x)의 평균과 로그 분산.
    반환값: (N, K), 단위는 내트.
    """
    raise NotImplementedError


def iwae_bound(log_likelihood: np.ndarray, z: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> float:
    """표본 K개를 모두 쓴 log p(x)의 중요도 가중 하한, 단위는 이미지당 내트: 이미지에 대한 평균.

    log_likelihood: (N, K) float64. z: (N, K, Z) float64. mu, logvar: (N, Z) float64. 모두 `log_weights`와 같다.
    반환값: 수 하나.
    """
    raise NotImplementedError
