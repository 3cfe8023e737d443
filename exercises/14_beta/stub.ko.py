"""연습 문제 14: KL 항의 가중치. exercises/14_beta.ko.md를 읽고 함수 여섯 개를 쓴다."""

import numpy as np

# 주어진 함수: 둘 다 합이고 단위는 내트이다. 하나는 픽셀과 배치에 대한 합, 하나는 잠재 변수와 배치에 대한 합.
from numpy_impl.functional import binary_cross_entropy_with_logits  # noqa: F401
from numpy_impl.vae_numpy import kl_divergence  # noqa: F401


def beta_loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray, beta: float) -> dict[str, float]:
    """β-VAE의 손실과 그 항, 단위는 이미지당 내트: 픽셀과 잠재 변수에 대해서는 더하고 배치에 대해 평균한다.

    logits, x: (N, C, H, W) float64, 디코더의 로짓과 [0, 1]의 값인 이미지.
    mu, logvar: (N, Z) float64, q(z|x)의 평균과 로그 분산.
    beta: KL 발산의 가중치.
    반환값: {"loss": ..., "reconstruction": ..., "kl": ...}. "kl"은 beta에 관계없이 발산 자체이다.
    """
    raise NotImplementedError


def linear_warm_up(step: int, warm_up_steps: int, beta: float) -> float:
    """스텝에 따른 KL의 가중치: 스텝 0에서 0으로 시작하여 직선으로 `beta`까지 커지고, 그 뒤로는 `beta`이다.

    step: 훈련의 첫 갱신에서 0, 모든 에폭에 걸쳐 센다.
    warm_up_steps: `beta`에 이르는 스텝. 0이면 웜업이 없다.
    beta: 마지막 가중치.
    반환값: 수 하나.
    """
    raise NotImplementedError


def cyclical_warm_up(step: int, period: int, warm_up_steps: int, beta: float) -> float:
    """웜업을 되풀이할 때의 KL의 가중치: `period`스텝마다 다시 0에서 시작한다.

    step: 훈련의 첫 갱신에서 0, 모든 에폭에 걸쳐 센다.
    period: 주기의 길이, 단위는 스텝. 커지는 구간과 `beta`인 구간을 합한 것이다.
    warm_up_steps: 커지는 구간의 길이, 단위는 스텝. 주기보다 짧다.
    beta: 다 커진 뒤의 가중치.
    반환값: 수 하나.
    """
    raise NotImplementedError


def effective_beta(beta: float, pixels: int, latents: int, reconstruction: str, kl: str) -> float:
    """다르게 축약한 손실과 같은 결과를 내는, 이미지당 내트로 나타낸 손실의 β.

    손실은 (재구성 항) + beta * (KL 항)이다. 두 항 모두 배치에 대해 평균한다.
    beta: 코드에 쓰여 있는 가중치.
    pixels: 이미지의 픽셀 수, 채널도 센다. latents: 잠재 변수의 수.
    reconstruction: "sum"이나 "mean", 재구성 항을 픽셀에 대해 축약하는 방법.
    kl: "sum"이나 "mean", KL 항을 잠재 변수에 대해 축약하는 방법.
    반환값: 수 하나. 둘 다 "sum"이면 beta 자체이다.
    """
    raise NotImplementedError


def linear_vae_weights(variances: np.ndarray, noise_variance: float, beta: float) -> np.ndarray:
    """β를 쓴 손실의 최적점에서 선형 VAE의 잠재 변수마다의 |w|: 디코더가 그 잠재 변수에 얼마나 강하게 의존하는가.

    variances: (K,) float64, λ, 데이터의 첫 주축 K개의 분산.
    noise_variance: 디코더 Normal(w z, σ²)의 σ².
    beta: KL 발산의 가중치.
    반환값: (K,). 붕괴한 잠재 변수에서 0이다.
    """
    raise NotImplementedError


def collapse_beta(variances: np.ndarray, noise_variance: float) -> np.ndarray:
    """선형 VAE의 잠재 변수마다, 그 값부터 사전 분포와 같아지는 β.

    variances: (K,) float64, 위와 같다. noise_variance: σ², 위와 같다.
    반환값: (K,).
    """
    raise NotImplementedError
