"""연습 문제 24: 코드북. exercises/24_straight_through.ko.md를 읽고 함수 네 개를 쓴다.

크기: 자리가 h x w개인 맵 N개, 자리마다 수 D개의 벡터. 항목이 K개인 코드북, (K, D).

검사는 배열을 준다. `@tensors`와 `@differentiated`가 그것을 텐서로 바꾸고, 반환한 것을 다시 배열로 바꾼다. 이름을 적은
인자의 기울기도 구한다. 그 줄은 그대로 둔다.
"""

import torch
import torch.nn.functional as F  # noqa: F401
from torch import Tensor

from exercises.kit.tensors import differentiated, tensors


def _as_vectors(maps: Tensor) -> Tensor:
    """주어진 함수: (N, D, h, w) -> (N h w, D), 자리마다의 벡터를 행으로."""
    return torch.movedim(maps, 1, -1).flatten(0, -2)


@tensors()
def nearest(z_e: Tensor, entries: Tensor) -> Tensor:
    """자리마다 그 벡터에 가장 가까운 항목의 번호.

    z_e: (N, D, h, w), 인코더가 반환한 것. entries: (K, D), 코드북.
    반환값: (N, h, w), 0부터 K - 1까지의 정수.
    """
    raise NotImplementedError


@differentiated("entries")
def lookup(entries: Tensor, codes: Tensor) -> Tensor:
    """이 번호의 항목들을 맵으로.

    entries: (K, D). codes: (N, h, w), 0부터 K - 1까지의 정수.
    반환값: z_q, (N, D, h, w).
    """
    raise NotImplementedError


@differentiated("z_e", "z_q")
def straight_through(z_e: Tensor, z_q: Tensor) -> Tensor:
    """디코더가 받는 것: 값은 z_q이고, 기울기는 z_e로 간다.

    z_e, z_q: (N, D, h, w).
    반환값: z, (N, D, h, w). 그 기울기는 그대로 z_e로 가고 z_q로는 가지 않는다.
    """
    raise NotImplementedError


@differentiated("z_e", "z_q")
def loss(z_e: Tensor, z_q: Tensor, beta: float) -> dict[str, Tensor]:
    """VQ-VAE의 손실에서 재구성 말고 남은 두 항.

    z_e, z_q: (N, D, h, w). beta: commitment의 가중치.
    반환값: 축이 없는 텐서 세 개의 딕셔너리. 처음이 loss = codebook + beta * commitment, 그다음 codebook, commitment.
    둘은 거리의 제곱으로, 맵에 대해 합하고 배치에 대해 평균한다. 앞의 것은 z_q만, 뒤의 것은 z_e만 움직인다.
    """
    raise NotImplementedError
