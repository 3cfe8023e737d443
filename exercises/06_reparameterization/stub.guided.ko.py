"""연습 문제 06: 미분할 수 있게 z를 뽑기. exercises/06_reparameterization.ko.md를 읽고 함수를 쓴다."""

import numpy as np


def reparameterize(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """q(z|x) = Normal(mu, exp(logvar))의 표본 z를 Normal(0, 1)의 표본 eps로 만든다.

    mu, logvar, eps: (N, Z) float64. 반환값: (N, Z).
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    sigma = ...  # 빈칸: 표준편차, logvar로 구한다
    return mu + sigma * eps


def reparameterize_backward(dz: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """z = reparameterize(mu, logvar, eps)에 의존하는 손실의, mu와 logvar에 대한 기울기.

    dz: (N, Z) float64, 손실을 z로 미분한 것.
    logvar, eps: (N, Z) float64, z를 만들 때와 같은 값.
    반환값: 튜플 (dmu, dlogvar), 둘의 모양은 (N, Z). 손실을 mu와 logvar로 미분한 것.
    """
    raise NotImplementedError  # 빈칸을 모두 채우고 이 줄을 지운다
    sigma = ...  # 첫째 빈칸: 위와 같다
    dmu = dz
    dlogvar = dz * sigma * ...  # 둘째 빈칸: z를 logvar로 미분한 것에서 남은 인수
    return dmu, dlogvar


def latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray, training: bool) -> np.ndarray:
    """디코더의 입력: 훈련할 때는 q(z|x)의 표본, 재구성할 때는 q(z|x)의 평균.

    mu, logvar, eps: (N, Z) float64, `reparameterize`와 같다.
    training: 훈련 스텝인지 아닌지.
    반환값: z, (N, Z).
    """
    raise NotImplementedError  # 빈칸을 채우고 이 줄을 지운다
    if training:
        return ...  # 빈칸: 표본
    return mu
