"""The words of the generated tables in Korean.

`tools/tables.py` makes the tables of every page, in English; on a page named `*.ko.md` each piece of words passes
through `say`. A piece is a title, a head, a cell, or a sentence beside a table. A new one needs an entry in WORDS or
KEPT; `python -m tools.tables` lists all that have none.
"""

import re
from collections.abc import Callable, Iterable

from foundation.data import DATASETS
from foundation.errors import InputError

VALUE = re.compile(rf"`[^`]*`|\b(?:{'|'.join(DATASETS)})\b|\d+(?:[-.,]\d+)*(?: ± \d+(?:[.,]\d+)*)?")
"""Parts of a piece that are not translated: code, names of data sets, numbers with their ±. In WORDS each is {}."""

KEPT = (
    *("Z", "KL", "−ELBO", "p(x|z)", "z = μ", "AE", "VAE", "CVAE", "MIG", "DCI", "VAE, x̂", "{}, tanh", "M{}"),
    *("N({}, I)", "IWAE", "k", "Pyro", "CVAE, −ELBO", "β-VAE, β = {}", "FactorVAE, γ = {}", "β-TCVAE, β = {}"),
    *("VAE k = {} − VAE k = {}", "VAE k = {} − IWAE k = {}", "IWAE k = {} − IWAE k = {}"),
)
"""Pieces that are the same in Korean."""

WORDS = {
    # Layers and their outputs
    "layer": "층",
    "weight": "가중치",
    "output": "출력",
    "its shape": "출력의 모양",
    "numbers learned": "학습되는 수의 개수",
    "together": "합계",
    # Losses beside published ones
    "model": "모델",
    "parameters": "매개변수",
    "epochs": "에폭",
    "measured with": "재는 방법",
    "published": "발표된 값",
    "target": "목표",
    "here": "여기",
    "reconstruction": "재구성",
    "training": "훈련 시간",
    "fully connected {}": "완전 연결 {}",
    "convolutional, {}": "합성곱, {}",
    "z drawn": "z를 뽑음",
    "fully connected {}, by the example's recipe": "완전 연결 {}, 예제의 훈련 방법으로",
    "PyTorch's example": "PyTorch의 예제",
    "PyTorch's example, by its recipe": "PyTorch의 예제, 그 훈련 방법으로",
    "Keras' example: another quantity, of another network": "Keras의 예제. 다른 신경망의 다른 양이다",
    "published −log p(x)": "발표된 −log p(x)",
    "{} after {} epochs (Burda et al. {})": "{} ({}에폭, Burda et al. {})",
    "{} of {}": "{1}개 가운데 {0}개",
    "K = {} draws for each of {} of {} test images.": (
        "테스트 이미지 {2}장 가운데 {1}장에 대해 이미지마다 표본 K = {0}개를 뽑았다."
    ),
    "The report warns:": "보고서의 경고:",
    "{} of {} latents carry less than {} nats: they have collapsed onto the prior.": (
        "잠재 변수 {1}개 가운데 {0}개의 정보가 {2}내트보다 적다. 사전 분포로 붕괴했다."
    ),
    "Made by {} and {}.": "명령: {}, 그다음 {}.",
    "{} s": "{}초",
    "{} min": "{}분",
    "{} h": "{}시간",
    # Tables of papers
    "Not recorded yet. This command makes it:": "아직 기록이 없다. 다음 명령으로 만든다.",
    "Table {} of Burda et al. ({}), one stochastic layer": "Burda et al. ({1})의 표 {0}, 확률 층 하나",
    "Table {} of Higgins et al. ({}), two of its rows": "Higgins et al. ({1})의 표 {0} 가운데 두 행",
    "The models that Chen et al. ({}) compare": "Chen et al. ({})이 비교한 모델",
    "Completion as in section {} of Sohn et al. ({}), the missing pixels, nats per image": (
        "Sohn et al. ({1}) {0}절의 채우기, 가려진 픽셀, 이미지당 내트"
    ),
    "a budget of {} h": "예산 {}시간",
    "{} of the {} epochs of the full protocol": "전체 절차의 {1}에폭 가운데 {0}에폭",
    "{} epochs, the full protocol": "전체 절차, {}에폭",
    "the quick form, no reproduction": "작은 설정, 재현이 아님",
    "{} epochs": "{}에폭",
    "K = {} draws": "표본 K = {}개",
    "S = {} draws": "표본 S = {}개",
    "Differences on the same test images, nats": "같은 테스트 이미지에서 잰 차이, 내트",
    "±: standard error over the test images and the seeds": "±: 테스트 이미지와 시드에 대한 표준오차",
    "published −log p(x), nats": "발표된 −log p(x), 내트",
    "difference": "차이",
    "published active units": "발표된 활성 유닛",
    "active units here": "여기의 활성 유닛",
    "seconds": "초",
    "neighbouring rows, the first minus the second": "이웃한 두 행, 앞의 것에서 뒤의 것을 뺀 값",
    "in the paper's order": "논문의 순서",
    "yes": "맞음",
    "reversed": "반대",
    "not told apart": "구별되지 않음",
    "published β-VAE metric, of dSprites": "발표된 β-VAE 지표(dSprites)",
    "quadrants given": "주어진 사분면",
    "−log p, importance sampling": "−log p, 중요도 표본 추출",
    "network without latents": "잠재 변수가 없는 신경망",
    "At three standard errors {} of {} pairs of neighbouring rows are in the paper's order: the order of the rows is "
    "that of the paper.": (
        "표준오차의 세 배를 기준으로 이웃한 두 행 {1}쌍 가운데 {0}쌍이 논문의 순서이다. 행의 순서가 논문과 같다."
    ),
    "At three standard errors {} of {} pairs of neighbouring rows are in the paper's order: the order of the rows is "
    "not that of the paper.": (
        "표준오차의 세 배를 기준으로 이웃한 두 행 {1}쌍 가운데 {0}쌍이 논문의 순서이다. 행의 순서가 논문과 "
        "같다고 할 수 없다."
    ),
    "The published values are given as recalled, not read at the source.": (
        "발표된 값은 기억하는 대로 적은 것이며 원문에서 확인하지 못했다."
    ),
    "The highest MIG has: VAE.": "MIG가 가장 높은 것: VAE.",
    "The highest MIG has: β-VAE, β = {}.": "MIG가 가장 높은 것: β-VAE, β = {}.",
    "The highest MIG has: FactorVAE, γ = {}.": "MIG가 가장 높은 것: FactorVAE, γ = {}.",
    "The highest MIG has: β-TCVAE, β = {}.": "MIG가 가장 높은 것: β-TCVAE, β = {}.",
    "The published values are of dSprites, {}×{}, and of a wider network, so that no difference is given; they are "
    "given as recalled, not read at the source.": (
        "발표된 값은 {}×{} 크기의 dSprites와 더 넓은 신경망의 것이므로 차이를 적지 않는다. 기억하는 대로 적은 것이며 "
        "원문에서 확인하지 못했다."
    ),
    "The paper's scores are of dSprites, {}×{}, and of a wider network; no number of it was read at a source, so that "
    "none stands here.": (
        "논문의 점수는 {}×{} 크기의 dSprites와 더 넓은 신경망의 것이다. 원문에서 확인한 수가 없어 여기에 적지 않는다."
    ),
    "Given {} of {} quadrants, −log p of the network minus that of the CVAE is {} nats on the same images.": (
        "사분면 {1}개 가운데 {0}개가 주어졌을 때, 같은 이미지에서 신경망의 −log p에서 CVAE의 것을 뺀 값은 {2}내트이다."
    ),
    "Given {} of {} quadrants, −log p of the network minus that of the CVAE is −{} nats on the same images.": (
        "사분면 {1}개 가운데 {0}개가 주어졌을 때, 같은 이미지에서 신경망의 −log p에서 CVAE의 것을 뺀 값은 −{2}내트이다."
    ),
    "Pyro's values are of grey pixels, ours of pixels drawn black or white.": (
        "Pyro의 값은 회색 픽셀, 여기의 값은 검거나 희게 뽑은 픽셀에 대한 것이다."
    ),
    # Experiments: titles, and what stands beside the tables
    "Test images": "테스트 이미지",
    "Test images, and new ones for the scores": "테스트 이미지. 점수는 새로 만든 이미지로 잰다",
    "Test images classified correctly, %": "바르게 분류한 테스트 이미지의 비율, %",
    "A classifier on reconstructed and generated images": "재구성한 이미지와 생성한 이미지에 대한 분류기의 결과",
    "A classifier on images decoded from draws of z": "z의 표본을 디코딩한 이미지에 대한 분류기의 결과",
    "The bound under each prior": "사전 분포마다의 하한",
    "Missing pixels, nats per image": "가려진 픽셀, 이미지당 내트",
    "Noise removal: PSNR of the test images, dB": "잡음 제거: 테스트 이미지의 PSNR, dB",
    "Detection of a left-out class: area under the ROC curve": "제외한 클래스의 탐지: ROC 곡선 아래 면적",
    "±: standard deviation over the seeds": "±: 시드에 따른 표준편차",
    "±: standard error over the test images": "±: 테스트 이미지에 대한 표준오차",
    "all {} test images": "테스트 이미지 {}장 모두",
    "{} of {} test images, drawn at random": "테스트 이미지 {1}장에서 무작위로 뽑은 {0}장",
    "the first {} of {} test images": "테스트 이미지 {1}장 가운데 처음 {0}장",
    "Each model was trained once: how far another seed would move these numbers is not known, and no ± contains it.": (
        "모델마다 한 번씩 훈련했다. 시드를 바꾸면 이 수들이 얼마나 달라지는지는 알 수 없으며, 어느 ±에도 "
        "들어 있지 않다."
    ),
    "Each model was trained with {} seeds: a difference that their ± covers may be chance.": (
        "모델마다 시드 {}개로 훈련했다. ± 안에 드는 차이는 우연일 수 있다."
    ),
    "The labelled images were chosen {} times, and a CVAE and the classifiers trained on each choice; the VAE of all "
    "images was trained once.": (
        "레이블이 있는 이미지를 {}번 골랐고, 그때마다 CVAE와 분류기를 훈련했다. 모든 이미지의 VAE는 한 번 훈련했다."
    ),
    "{}, seed {}: {} training and {} test images of {}": "{0}, 시드 {1}: {4}의 훈련 이미지 {2}장과 테스트 이미지 {3}장",
    # Experiments: heads of several tables
    "−ELBO, nats": "−ELBO, 내트",
    "reconstruction, nats": "재구성, 내트",
    "KL, nats": "KL, 내트",
    "active units": "활성 유닛",
    # ae-vs-vae
    "test images": "테스트 이미지",
    "x̂: nats": "x̂: 내트",
    "width of μ": "μ의 폭",
    "unsure: x̂, %": "불확실: x̂, %",
    "draws, %": "생성, %",
    "classes": "클래스 수",
    "fitted, %": "맞춘 가우시안, %",
    "halfway, %": "중간, %",
    # latent-diffusion
    "z from": "z를 뽑은 곳",
    "unsure, %": "불확실, %",
    "Fréchet distance": "프레셰 거리",
    "prior": "사전 분포",
    "training images": "훈련 이미지",
    "fitted Gaussian": "맞춘 가우시안",
    "latent diffusion": "잠재 확산",
    "z of training images": "훈련 이미지의 z",
    # beta
    "β-VAE metric": "β-VAE 지표",
    "β-VAE metric: spread by its own seed": "β-VAE 지표: 지표 시드에 따른 편차",
    "FactorVAE metric": "FactorVAE 지표",
    # collapse
    "method": "방법",
    "none": "없음",
    "linear warm-up": "선형 웜업",
    "cyclical": "주기적 웜업",
    "free bits": "free bits",
    # likelihood
    "−ELBO, its own, nats": "각자의 −ELBO, 내트",
    "−ELBO as a density, nats": "밀도로 잰 −ELBO, 내트",
    "root mean square of x − x̂": "x − x̂의 제곱평균제곱근",
    "Bernoulli": "베르누이",
    "continuous Bernoulli": "연속 베르누이",
    "Gaussian σ\u00a0=\u00a0{}": "가우시안 σ\u00a0=\u00a0{}",
    "Gaussian σ\u00a0learned": "가우시안, 학습한\u00a0σ",
    # completion
    "given": "주어진 부분",
    "frequencies": "픽셀 빈도",
    "regression": "회귀",
    "CVAE, Monte Carlo": "CVAE, 몬테카를로",
    "CVAE, importance": "CVAE, 중요도",
    "one draw": "표본 하나",
    "best of all draws": "가장 좋은 표본",
    "lower-left": "왼쪽 아래",
    "left": "왼쪽",
    "top": "위쪽",
    # denoise-and-detect
    "σ of the noise": "잡음의 σ",
    "noisy image": "잡음 낀 이미지",
    "blurred": "흐리게 한 것",
    "VAE, z searched": "VAE, z 탐색",
    "denoising autoencoder": "디노이징 오토인코더",
    "VAE, x̂ of the clean image": "VAE, 깨끗한 이미지의 x̂",
    "class left out": "제외한 클래스",
    "ink alone": "잉크만",
    # augment
    "labels of each class": "클래스당 레이블",
    "labels alone": "레이블만",
    "moved": "옮긴 이미지",
    "VAE's μ": "VAE의 μ",
    "CVAE − alone": "CVAE − 레이블만",
    # few-labels
    "M{} − alone": "M{} − 레이블만",
    # conditional
    "−ELBO with the label, nats": "레이블을 더한 −ELBO, 내트",
    "linear probe, %": "선형 프로브, %",
    "nearest neighbours, %": "최근접 이웃, %",
    # iwae
    "Signal-to-noise ratio: q(z|x) near the posterior": "신호 대 잡음비: q(z|x)가 사후 분포에 가까운 모델",
    "Signal-to-noise ratio: the trained VAE": "신호 대 잡음비: 훈련한 VAE",
    "After training": "훈련한 뒤",
    "K": "K",
    "encoder, plain": "인코더, 보통",
    "encoder, STL": "인코더, STL",
    "encoder, DReG": "인코더, DReG",
    "decoder": "디코더",
    "K, gradient": "K, 기울기",
    "−bound, nats": "−하한, 내트",
    "−log p(x), nats": "−log p(x), 내트",
    "KL(q‖p), nats": "KL(q‖p), 내트",
    "effective draws": "유효 표본 수",
    "{}, plain": "{}, 보통",
    "{}, STL": "{}, STL",
    "{}, DReG": "{}, DReG",
    # codebook
    "Test images, bits per image": "테스트 이미지, 이미지당 비트",
    "K, learned by": "K, 학습 방법",
    "codes": "코드",
    "codes with the prior": "사전 분포를 쓴 코드",
    "pixels, given the codes": "코드가 주어진 픽셀",
    "both, with the prior": "사전 분포를 쓴 합",
    "perplexity": "퍼플렉서티",
    "{}, moving averages": "{}, 이동 평균",
    "{}, gradients": "{}, 기울기",
    # Experiments: their results
    "The lowest −ELBO, {} nats, has Z = {}. Of Z = {} latents {} are active, and their −ELBO is {} nats higher.": (
        "−ELBO가 가장 낮은 것은 Z = {1}일 때이며 {0}내트이다. 잠재 변수 Z = {2}개 가운데 {3}개가 활성이고, 그 "
        "−ELBO는 {4}내트 높다."
    ),
    "Of images from N({}, I) the classifier is unsure of {} %, from the diffusion of {} %, from the z of training "
    "images of {} %; from the fitted Gaussian of {} %. The bound on −log p(x) is {} nats lower under the diffusion "
    "than under N({}, I).": (
        "분류기가 불확실한 것은 N({0}, I)에서 뽑은 이미지의 {1}%, 확산에서 뽑은 이미지의 {2}%, 훈련 이미지의 z로 만든 "
        "이미지의 {3}%, 맞춘 가우시안에서 뽑은 이미지의 {4}%이다. −log p(x)의 상한은 확산에서 N({6}, I)에서보다 "
        "{5}내트 작다."
    ),
    "With Z = {} the noise costs {} nats of reconstruction. Of draws from the prior the classifier is unsure of "
    "{} % (VAE) and {} % (autoencoder), of test images {} %.": (
        "Z = {}일 때 잡음 때문에 재구성이 {}내트 나빠진다. 분류기가 불확실한 것은 사전 분포에서 뽑은 표본의 "
        "{}%(VAE)와 {}%(오토인코더), 테스트 이미지의 {}%이다."
    ),
    "β = {} has the highest MIG, {} against {} at β = {}, with {} nats more of reconstruction loss and {} active "
    "latents instead of {}.": (
        "MIG가 가장 높은 것은 β = {0}일 때이며 {1}이다. β = {3}일 때는 {2}이다. 재구성 손실은 {4}내트 더 크고, "
        "활성 잠재 변수는 {6}개가 아니라 {5}개이다."
    ),
    "Without a remedy {} latents are active at {} nats. Of the three remedies linear warm-up has the lowest −ELBO, "
    "{} nats, with {} active latents.": (
        "처방이 없으면 잠재 변수 {}개가 활성이고 −ELBO는 {}내트이다. 세 처방 가운데 −ELBO가 가장 낮은 것은 선형 "
        "웜업으로 {}내트이며, 활성 잠재 변수는 {}개이다."
    ),
    "As a density of grey pixels, −ELBO is −{} nats with the Bernoulli decoder and −{} with the continuous "
    "Bernoulli. The learned σ is {}; the root mean square of x − x̂ of its model is {}.": (
        "회색 픽셀의 밀도로 재면 −ELBO는 베르누이 디코더에서 −{}내트, 연속 베르누이에서 −{}내트이다. 학습한 σ는 "
        "{}이고, 그 모델의 x − x̂의 제곱평균제곱근은 {}이다."
    ),
    "Nats by which the CVAE's −log p(missing|given) is below the regression's: {} given lower-left, {} given left, "
    "{} given top.": (
        "CVAE의 −log p(missing|given)이 회귀보다 작은 정도(내트): 왼쪽 아래가 주어지면 {}, 왼쪽이 주어지면 {}, "
        "위쪽이 주어지면 {}."
    ),
    "At σ = {} the PSNR changes by +{} dB through the VAE's x̂, by +{} dB where z is searched, by +{} dB through the "
    "denoising autoencoder, and by +{} dB through a blur.": (
        "σ = {}일 때 PSNR의 변화는 VAE의 x̂에서 +{}dB, z를 탐색하면 +{}dB, 디노이징 오토인코더에서 +{}dB, 흐리게 "
        "하면 +{}dB이다."
    ),
    "−ELBO detects the left-out class with a mean area of {}, worst for {} ({}); ink alone has {}.": (
        "−ELBO로 제외한 클래스를 탐지하면 면적의 평균은 {}이고, 가장 나쁜 클래스는 {}({})이다. 잉크만 쓰면 {}이다."
    ),
    "The CVAE's images change the accuracy by (percentage points): −{} with {} labels of each class, −{} with {} "
    "labels of each class, −{} with {} labels of each class, −{} with {} labels of each class.": (
        "CVAE의 이미지로 바뀌는 정확도(퍼센트포인트): 클래스당 레이블이 {1}개일 때 −{0}, {3}개일 때 −{2}, {5}개일 "
        "때 −{4}, {7}개일 때 −{6}."
    ),
    "Images without labels change the accuracy by (percentage points): +{} with {} labels of each class, −{} with {} "
    "labels of each class.": (
        "레이블이 없는 이미지로 바뀌는 정확도(퍼센트포인트): 클래스당 레이블이 {1}개일 때 +{0}, {3}개일 때 −{2}."
    ),
    "The labelled images were chosen {} times, and M{} and the classifiers trained on each choice.": (
        "레이블이 있는 이미지를 {}번 골랐고, 그때마다 M{}와 분류기들을 훈련했다."
    ),
    "Near the posterior the signal-to-noise ratio from K = {} to K = {} goes as K to the power {} in the decoder; in "
    "the encoder, −{} with the plain gradient, {} with STL and {} with DReG. In the trained VAE the decoder's goes "
    "from {} to {}; the encoder's from {} to {} with the plain gradient, to {} with STL and to {} with DReG.": (
        "사후 분포에 가까울 때 신호 대 잡음비는 K = {}에서 K = {}까지 K의 거듭제곱으로 변한다. 지수는 디코더에서 {}, "
        "인코더에서 보통 기울기 −{}, STL {}, DReG {}이다. 훈련한 VAE에서 두 K의 신호 대 잡음비는 다음과 같다. "
        "디코더 {} → {}, 인코더 {} → {}(보통 기울기), {}(STL), {}(DReG)."
    ),
    "After training with K = {} KL(q‖p) is {} nats with the plain gradient and {} with DReG, and −log p(x) is {} and "
    "{} nats.": (
        "K = {}으로 훈련한 뒤 KL(q‖p)는 보통 기울기에서 {}내트, DReG에서 {}내트이고, −log p(x)는 {}내트와 {}내트이다."
    ),
    "With Z = {} a linear probe predicts the class of {} % of the test images from the VAE's μ, and of {} % from the "
    "CVAE's; chance is {} %. The CVAE's KL is {} nats smaller.": (
        "Z = {}일 때 선형 프로브는 VAE의 μ에서 테스트 이미지 {}%의 클래스를, CVAE의 μ에서 {}%의 클래스를 맞힌다. "
        "우연히 맞힐 확률은 {}%이다. CVAE의 KL은 {}내트 작다."
    ),
}
"""The Korean of every other piece."""


def say(text: str) -> str:
    """The Korean of one piece of a table; numbers and code stay.

    Raises `InputError` for a piece with Latin letters that has no entry.
    """
    piece = VALUE.sub("{}", text)
    if piece in KEPT or not re.search("[A-Za-z]", piece):
        return text
    if piece not in WORDS:
        raise InputError(f"tools/translations.py: expected the Korean of {piece!r} in WORDS, got none")
    return WORDS[piece].format(*VALUE.findall(text))


def untranslated(tables: Iterable[Callable[[Callable[[str], str]], object]]) -> list[str]:
    """The pieces of these tables that have no Korean. A table is made by a function of what its words pass through."""
    found: dict[str, None] = {}

    def collect(text: str) -> str:
        try:
            return say(text)
        except InputError:
            found[text] = None
            return text

    for make in tables:
        make(collect)
    return list(found)
