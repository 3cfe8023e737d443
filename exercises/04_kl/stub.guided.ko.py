"""연습 문제 04: q(z|x)는 사전 분포에서 얼마나 떨어져 있는가? exercises/04_kl.ko.md를 읽고 함수 세 개를 쓴다."""

import numpy as np


def kl(mu: np.ndarray, logvar: np.ndarray) -> float:
    """KL(q(z|x) || N(0, I)), 단위는 이미지당 내트: 잠재 변수에 대해 더하고 배치에 대해 평균한다.

    mu, logvar: (N, Z) float64, q(z|x) = Normal(mu, exp(logvar))의 평균과 로그 분산.
    반환값: 수 하나.
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    variance = ...  # 빈칸: 이미지와 잠재 변수마다의 σ², logvar로 구한다
    terms = (mu**2 + variance - 1 - logvar) / 2
    return terms.sum() / len(mu)


def kl_per_image(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """이미지마다의 KL, 잠재 변수에 대해 더한 것.

    mu, logvar: (N, Z) float64. 반환값: (N,).
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    terms = ...  # 빈칸: `kl`의 항들, (N, Z)
    return terms.sum(axis=1)


def kl_per_latent(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """잠재 변수마다의 KL, 배치에 대해 평균한 것. 어느 잠재 변수가 정보를 담는가?

    mu, logvar: (N, Z) float64. 반환값: (Z,).
    """
    raise NotImplementedError  # 빈칸을 모두 채우고 이 줄을 지운다
    terms = ...  # 첫째 빈칸: 위와 같다
    return terms.mean(axis=...)  # 둘째 빈칸: 어느 축에 대해?
