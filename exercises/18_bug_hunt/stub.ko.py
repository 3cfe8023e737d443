"""연습 문제 18: 이 VAE 여덟 개는 무엇이 잘못되었는가? exercises/18_bug_hunt.ko.md를 읽고 함수 열여섯 개를 쓴다.

VAE마다 함수가 두 개이다. `diagnosis_1`은 VAE 1의 버그를 이름으로 답하고, `probe_1`은 그 버그를 잡아낸다. 곧 정상인
VAE에 True를, VAE 1에 False를 반환한다. 먼저 페이지의 표와 곡선을 보고 여덟 개의 이름을 모두 정한다.

`vae`는 함수의 모음이며, 매번 가중치가 새로 무작위로 정해진다. 이미지 N장, 잠재 변수 Z개, 모두 float64이다.

    vae.encode(x) -> mu, logvar                 x: (N, *vae.image_shape), [0, 1]의 값. mu, logvar: (N, Z)
    vae.reparameterize(mu, logvar, eps) -> z    모두 (N, Z)
    vae.decode(z) -> logits                     (N, *vae.image_shape)
    vae.sample(z) -> images                     (N, *vae.image_shape), [0, 1]의 값
    vae.kl(mu, logvar) -> number                내트, 이미지에 대한 평균
    vae.reconstruction(logits, x) -> number     내트, 이미지에 대한 평균
    vae.loss(x, eps) -> loss, reconstruction, kl        훈련에서 최소화하는 것
    vae.test_loss(x, eps) -> loss, reconstruction, kl   테스트 이미지에 대해 보고하는 것
    vae.gradients(x, eps) -> dict               그 손실의 기울기, 이름은 "encoder.mu.bias" 같은 매개변수의 이름
    vae.step(x, eps) -> loss, reconstruction, kl        Adam의 한 스텝. 값은 스텝 전의 손실이다

그리고 `vae.image_shape`, `vae.latents`(Z), `vae.parameters`(배열을 담은 딕셔너리, 제자리에서 바꾸어도 된다)가 있다.
"""

from types import SimpleNamespace

import numpy as np

BUGS = (
    "KL enters with the wrong sign",  # KL의 부호가 반대이다
    "KL lacks its factor ½",  # KL에 인수 ½이 없다
    "KL weighed differently in the test loss",  # 테스트 손실에서 KL의 가중치가 다르다
    "decoder ignores z",  # 디코더가 z를 쓰지 않는다
    "exp(logvar) used as σ",  # exp(logvar)를 σ로 썼다
    "learning rate far too large",  # 학습률이 너무 크다
    "learning rate far too small",  # 학습률이 너무 작다
    "logvar read as log σ in the KL",  # KL에서 logvar를 log σ로 썼다
    "no gradient through z",  # z를 지나는 기울기가 없다
    "noise never reaches z",  # 잡음이 z에 들어가지 않는다
    "pixels averaged, latents summed",  # 픽셀은 평균하고 잠재 변수는 더했다
    "sigmoid applied twice",  # 시그모이드를 두 번 적용했다
    "too few training images",  # 훈련 이미지가 너무 적다
    "β far too large",  # β가 너무 크다
)
"""고를 수 있는 버그. 여덟 개가 실제로 있다."""


def _probe_of_another_bug(vae: SimpleNamespace) -> bool:
    """예: "KL enters with the wrong sign"인 VAE에 False를 반환한다. 그때는 손실이 재구성보다 작다."""
    rng = np.random.default_rng(0)
    loss, reconstruction, _ = vae.loss(rng.random((5, *vae.image_shape)), rng.standard_normal((5, vae.latents)))
    return loss > reconstruction


def diagnosis_1(vae: SimpleNamespace) -> str:
    """VAE 1의 버그는 무엇인가? vae: VAE 1 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_2(vae: SimpleNamespace) -> str:
    """VAE 2의 버그는 무엇인가? vae: VAE 2 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_3(vae: SimpleNamespace) -> str:
    """VAE 3의 버그는 무엇인가? vae: VAE 3 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_4(vae: SimpleNamespace) -> str:
    """VAE 4의 버그는 무엇인가? vae: VAE 4 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_5(vae: SimpleNamespace) -> str:
    """VAE 5의 버그는 무엇인가? vae: VAE 5 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_6(vae: SimpleNamespace) -> str:
    """VAE 6의 버그는 무엇인가? vae: VAE 6 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_7(vae: SimpleNamespace) -> str:
    """VAE 7의 버그는 무엇인가? vae: VAE 7 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def diagnosis_8(vae: SimpleNamespace) -> str:
    """VAE 8의 버그는 무엇인가? vae: VAE 8 자체, 호출하여 알아볼 수 있다. 반환값: BUGS 가운데 하나."""
    raise NotImplementedError


def probe_1(vae: SimpleNamespace) -> bool:
    """vae에 VAE 1의 버그가 없는가? vae: VAE 1 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_2(vae: SimpleNamespace) -> bool:
    """vae에 VAE 2의 버그가 없는가? vae: VAE 2 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_3(vae: SimpleNamespace) -> bool:
    """vae에 VAE 3의 버그가 없는가? vae: VAE 3 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_4(vae: SimpleNamespace) -> bool:
    """vae에 VAE 4의 버그가 없는가? vae: VAE 4 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_5(vae: SimpleNamespace) -> bool:
    """vae에 VAE 5의 버그가 없는가? vae: VAE 5 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_6(vae: SimpleNamespace) -> bool:
    """vae에 VAE 6의 버그가 없는가? vae: VAE 6 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_7(vae: SimpleNamespace) -> bool:
    """vae에 VAE 7의 버그가 없는가? vae: VAE 7 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError


def probe_8(vae: SimpleNamespace) -> bool:
    """vae에 VAE 8의 버그가 없는가? vae: VAE 8 또는 정상인 VAE. 반환값: 정상이면 True, 아니면 False."""
    raise NotImplementedError
