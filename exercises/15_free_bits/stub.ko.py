"""연습 문제 15: 쓰이지 않는 잠재 변수. exercises/15_free_bits.ko.md를 읽고 함수 세 개를 쓴다."""

import numpy as np


def active_units(mu: np.ndarray, logvar: np.ndarray, threshold: float = 0.01) -> np.ndarray:
    """어느 잠재 변수가 쓰이는가: 평균 μ가 이미지에 따라 움직이는 것(Burda 등의 기준).

    mu, logvar: (N, Z) float64, 이미지 N장에 대한 q(z|x)의 평균과 로그 분산. 둘 가운데 필요 없는 것이 있는가?
    threshold: 척도가 이보다 크면 활성인 잠재 변수이다.
    반환값: 참값 (Z,). 더하면 활성 유닛의 수가 된다.
    """
    raise NotImplementedError


def free_bits(kl: np.ndarray, free_nats: float) -> float:
    """잠재 변수마다 처음 λ내트에는 비용이 없을 때, 손실의 KL 항.

    kl: (N, Z) float64, 이미지와 잠재 변수마다의 발산, 단위는 내트.
    free_nats: λ, 단위는 잠재 변수당 내트.
    반환값: 수 하나, 단위는 이미지당 내트.
    """
    raise NotImplementedError


def free_bits_backward(mu: np.ndarray, logvar: np.ndarray, free_nats: float) -> tuple[np.ndarray, np.ndarray]:
    """N(0, 1)에 대한 KL 발산을 거친, mu와 logvar에 대한 `free_bits`의 기울기.

    mu, logvar: (N, Z) float64, q(z|x)의 평균과 로그 분산.
    free_nats: λ, 단위는 잠재 변수당 내트.
    반환값: dmu (N, Z)와 dlogvar (N, Z).
    """
    raise NotImplementedError
