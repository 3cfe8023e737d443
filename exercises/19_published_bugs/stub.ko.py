"""연습 문제 19: 공개된 버그 열 개. exercises/19_published_bugs.ko.md를 읽고 함수 열 개를 고친다.

함수마다 한 가지가 틀렸다. 읽고 버그를 찾아 고친 다음 `_to_repair()` 줄을 지운다. 그 줄은 함수가 아직 발견된 그대로임을
뜻한다. 버그가 아닌 것은 그대로 두어도 된다. 이미지 N장은 [0, 1]에 있는 픽셀 D개의 행이고, 잠재 변수는 Z개, 모두
float64이다. 손실의 단위는 모두 내트이다.
"""

from collections.abc import Callable

import numpy as np

EPSILON_STD = 0.01


def _to_repair() -> None:
    """주어진 것: 아직 고치지 않은 함수를 멈춘다."""
    raise NotImplementedError


def _pixel_costs(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """주어진 것, 맞다: 픽셀마다의 -log p(x|z). logits, x: (N, D). 반환값: (N, D)."""
    return np.logaddexp(0, logits) - x * logits


def _latent_costs(mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """주어진 것, 맞다: 잠재 변수마다의 KL. mu, logvar: (N, Z). 반환값: (N, Z)."""
    return (mu**2 + np.exp(logvar) - 1 - logvar) / 2


def draw_latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """1번: Normal(mu, exp(logvar))에서 뽑은 표본 z.

    mu, logvar, eps: (N, Z), eps는 Normal(0, 1)의 표본. 반환값: z, (N, Z).
    """
    _to_repair()
    sigma = np.exp(logvar)
    return mu + sigma * eps


def training_loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> dict[str, float]:
    """2번: 배치의 음의 ELBO와 그 두 부분, 각각 이미지에 대한 평균.

    logits, x: (N, D). mu, logvar: (N, Z). 반환값: "loss", "reconstruction", "kl"이 있는 딕셔너리.
    """
    _to_repair()
    reconstruction = np.mean(np.sum(_pixel_costs(logits, x), axis=1))
    kl = np.mean(np.sum(_latent_costs(mu, logvar), axis=1))
    loss = reconstruction
    return {"loss": loss, "reconstruction": reconstruction, "kl": kl}


def step_loss(reconstruction: np.ndarray, kl: np.ndarray, train_images: int) -> float:
    """3번: 배치의 음의 ELBO, 그 이미지들에 대한 평균.

    reconstruction, kl: (N,), 배치의 이미지마다의 두 부분. train_images: 훈련 집합의 크기.
    반환값: 수 하나.
    """
    _to_repair()
    weight = len(kl) / train_images
    return np.mean(reconstruction) + weight * np.mean(kl)


def image_loss(logits: np.ndarray, x: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> float:
    """4번: 음의 ELBO, 배치의 이미지들에 대한 평균.

    logits, x: (N, D). mu, logvar: (N, Z). 반환값: 수 하나.
    """
    _to_repair()
    reconstruction = np.mean(_pixel_costs(logits, x))
    kl = np.mean(np.sum(_latent_costs(mu, logvar), axis=1))
    return reconstruction + kl


def negative_elbo(reconstruction: np.ndarray, mu: np.ndarray, logvar: np.ndarray) -> np.ndarray:
    """5번: 이미지마다의 음의 ELBO, 훈련이 줄이는 것.

    reconstruction: (N,), 이미지마다의 -log p(x|z). mu, logvar: (N, Z). 반환값: (N,).
    """
    _to_repair()
    kl = np.sum(1 + logvar - mu**2 - np.exp(logvar), axis=1) / 2
    return reconstruction + kl


def split_images(images: np.ndarray, order: np.ndarray, test_count: int) -> tuple[np.ndarray, np.ndarray]:
    """6번: 훈련 집합과 테스트 집합. 섞은 이미지 가운데 앞의 것들이 테스트 집합이다.

    images: (M, D). order: (M,) 정수, 이미지를 섞는 순열. test_count: 테스트 집합의 이미지 수.
    반환값: 튜플 (train, test).
    """
    _to_repair()
    shuffled = images[order]
    train = shuffled
    test = shuffled[:test_count]
    return train, test


def picture(logits: np.ndarray) -> np.ndarray:
    """7번: 눈으로 볼 디코더의 이미지, 곧 픽셀마다 흰색일 확률.

    logits: (N, D), 디코더의 결과, 범위가 없다. 반환값: (N, D), [0, 1]의 값.
    """
    _to_repair()
    low, high = logits.min(), logits.max()
    return (logits - low) / (high - low)


def noisy_latents(mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray) -> np.ndarray:
    """8번: Normal(mu, exp(logvar))에서 뽑은 표본 z.

    mu, logvar, eps: (N, Z), eps는 Normal(0, 1)의 표본. 반환값: z, (N, Z).
    """
    _to_repair()
    sigma = np.exp(logvar / 2)
    return mu + sigma * (EPSILON_STD * eps)


def encoder_gradients(
    dz: np.ndarray, mu: np.ndarray, logvar: np.ndarray, eps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """9번: 이미지마다의 음의 ELBO를 mu와 logvar로 미분한 기울기. z = mu + exp(logvar/2) eps이다.

    dz: (N, Z), 재구성을 z로 미분한 것. mu, logvar, eps: (N, Z). 반환값: 튜플 (dmu, dlogvar), 둘의 모양은
    (N, Z).
    """
    _to_repair()
    dmu = mu
    dlogvar = (np.exp(logvar) - 1) / 2
    return dmu.copy(), dlogvar


def measured_loss(
    decode: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    mu: np.ndarray,
    logvar: np.ndarray,
    eps: np.ndarray,
    training: bool,
) -> float:
    """10번: 이미지에 대한 평균인 음의 ELBO, 훈련과 검증의 곡선에 쓴다.

    decode: z (N, Z)를 받아 로짓 (N, D)를 반환하는 함수. x: (N, D). mu, logvar, eps: (N, Z).
    training: 이미지가 훈련 집합의 배치인지 아닌지. 반환값: 수 하나.
    """
    _to_repair()
    sigma = np.exp(logvar / 2)
    z = mu + sigma * eps if training else mu
    costs = np.sum(_pixel_costs(decode(z), x), axis=1) + np.sum(_latent_costs(mu, logvar), axis=1)
    return np.mean(costs)
