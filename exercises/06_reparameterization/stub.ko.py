"""연습 문제 06: 미분할 수 있게 z를 뽑기. exercises/06_reparameterization.ko.md를 읽고 함수를 쓴다."""

import numpy as np


def reparameterize(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """q(z|x) = Normal(mu, exp(logvar))의 표본 z를 Normal(0, 1)의 표본 eps로 만든다.

    mu, logvar, eps: (N, Z) float64. 반환값: (N, Z).
    """
    raise NotImplementedError


def reparameterize_backward(dz: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z = reparameterize(mu, logvar, eps)에 의존하는 손실의, mu와 logvar에 대한 기울기.

    dz: (N, Z) float64, 손실을 z로 미분한 것.
    logvar, eps: (N, Z) float64, z를 만들 때와 같은 값.
    반환값: 튜플 (dmu, dlogvar), 둘의 모양은 (N, Z). 손실을 mu와 logvar로 미분한 것.
    """
    raise NotImplementedError


def latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, training: bool) -> np.ndarray:
    """디코더의 입력: 훈련할 때는 q(z|x)의 표본, 재구성할 때는 q(z|x)의 평균.

    mu, logvar, eps: (N, Z) float64, `reparameterize`와 같다.
    training: 훈련 스텝인지 아닌지.
    반환값: z, (N, Z).
    """
    raise NotImplementedError
