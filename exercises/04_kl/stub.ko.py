"""연습 문제 04: q(z|x)는 사전 분포에서 얼마나 떨어져 있는가? exercises/04_kl.ko.md를 읽고 함수 세 개를 쓴다."""

import numpy as np


def kl(mu: np.ndarray, logvar: np.ndarray) -> float:
    """KL(q(z|x) || N(0, I)), 단위는 이미지당 내트: 잠재 변수에 대해 더하고 배치에 대해 평균한다.

    mu, logvar: (N, Z) float64, q(z|x) = Normal(mu, exp(logvar))의 평균과 로그 분산.
    반환값: 수 하나.
    """
    raise NotImplementedError


def kl_per_image(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """이미지마다의 KL, 잠재 변수에 대해 더한 것.

    mu, logvar: (N, Z) float64. 반환값: (N,).
    """
    raise NotImplementedError


def kl_per_latent(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """잠재 변수마다의 KL, 배치에 대해 평균한 것. 어느 잠재 변수가 정보를 담는가?

    mu, logvar: (N, Z) float64. 반환값: (Z,).
    """
    raise NotImplementedError
