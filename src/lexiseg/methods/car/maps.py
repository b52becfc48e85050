"""Maps from which proposals are made: gradients of CLIP's score, or cosines of dense features.

The paper takes Grad-CAM (appendix B). The others stand in its place: Grad-CAM++ and LayerCAM read
the same gradients otherwise; value maps and dense scorers need no gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from lexiseg.methods.car.config import CarConfig
from lexiseg.methods.car.scene import Scene, fit_to_patches
from lexiseg.models.clip import Clip
from lexiseg.ops.cam import (
    class_activation_map,
    cosine_cotangents,
    grad_cam_plus_plus,
    joint_cotangents,
    layer_cam,
    min_max,
    separate_cotangents,
)
from lexiseg.ops.last_block import LastBlock
from lexiseg.registry import SCORERS
from lexiseg.types import DenseFeatures, DenseScorer

# A map for each of K scores, given what they pull at the image embedding: (K, E) -> (K, n).
CamRule = Callable[[LastBlock, Tensor], Tensor]

CAM_RULES: Mapping[str, CamRule] = {
    "gradcam": lambda block, cotangents: class_activation_map(
        block.channel_weights(cotangents), block.activation
    ),
    "gradcam++": lambda block, cotangents: grad_cam_plus_plus(
        block.token_gradients(cotangents), block.activation
    ),
    "layercam": lambda block, cotangents: layer_cam(
        block.token_gradients(cotangents), block.activation
    ),
}


class GradientMaps:
    """Class-activation maps of the softmax probabilities of queries.

    Args:
        clip: the CAM tower.
        rule: a name of `CAM_RULES`.
        separate: each query competes with the background alone instead of with all texts.
    """

    def __init__(self, clip: Clip, rule: str, separate: bool) -> None:
        self._clip, self._draw = clip, CAM_RULES[rule]
        self._compete = separate_cotangents if separate else joint_cotangents

    def __call__(self, scene: Scene, queries: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
        """Maps of all queries.

        Where a map is empty because the background takes all the probability, it is made once
        more with the queries alone.

        Args:
            scene: the encoded image.
            queries: (N, E) unit text embeddings.
            background: (B, E).

        Returns:
            maps (N, n) in [0, 1], and (N,) bool, where the second try was needed.
        """
        block, count = scene.last_block, len(queries)
        logits, gradients = cosine_cotangents(
            block.embedding, torch.cat([queries, background]), self._clip.logit_scale
        )
        maps = self._draw(block, self._compete(logits, gradients, count))
        empty = ~maps.any(dim=1)
        if empty.any():
            alone = self._compete(logits[:count], gradients[:count], count)[empty]
            maps[empty] = self._draw(block, alone)
        return maps, empty


class CosineMaps:
    """Cosines of dense features with queries, above what all competing texts have on average.

    Args:
        cosines: scene and (K, E) unit texts -> (K, n).
        separate: each query competes with the background alone instead of with all texts.
    """

    def __init__(self, cosines: Callable[[Scene, Tensor], Tensor], separate: bool) -> None:
        self._cosines, self._separate = cosines, separate

    def __call__(self, scene: Scene, queries: Tensor, background: Tensor) -> tuple[Tensor, Tensor]:
        """As `GradientMaps`; no map needs a second try."""
        count = len(queries)
        cosines = self._cosines(scene, torch.cat([queries, background]))
        asked, others = cosines[:count], cosines[count:]
        if self._separate:
            mean = (asked + others.sum(dim=0)) / (1 + len(others))
        else:
            mean = cosines.mean(dim=0, keepdim=True)
        # A single text has no rival, and its cosine is all there is.
        maps = min_max(F.relu(asked - mean) if len(cosines) > 1 else asked)
        return maps, torch.zeros(count, dtype=torch.bool, device=maps.device)


def value_cosines(scene: Scene, texts: Tensor) -> Tensor:
    """Cosines (K, n) of unit texts (K, E) with the value path of the last block."""
    return texts @ F.normalize(scene.last_block.value_tokens(), dim=-1).T


def scorer_cosines(name: str, clip: Clip, multiple: int) -> Callable[[Scene, Tensor], Tensor]:
    """The same of a dense scorer on the CAM tower, which sees a picture once.

    Args:
        name: of `SCORERS`.
        clip: the CAM tower.
        multiple: sides of the picture are stretched to multiples of so many pixels.
    """
    scorer: DenseScorer = SCORERS[name](clip)

    def encode(scene: Scene) -> DenseFeatures:
        picture = fit_to_patches(scene.canvas, scorer.patch_size, multiple)
        pixels = clip.preprocessing.normalize(picture).to(clip.device)
        return scorer.encode(pixels)

    def cosines(scene: Scene, texts: Tensor) -> Tensor:
        features = scene.features(name, lambda: encode(scene))
        return scorer.score(features, texts)[0].flatten(0, 1).T.float()

    return cosines


def map_maker(clip: Clip, config: CarConfig, separate: bool) -> GradientMaps | CosineMaps:
    """What makes the maps that a config asks for.

    Args:
        clip: the CAM tower.
        config: name of the maps, and how pictures are fitted to patches.
        separate: each query competes with the background alone.
    """
    name = config.proposals
    if name in CAM_RULES:
        return GradientMaps(clip, name, separate)
    if name == "value":
        return CosineMaps(value_cosines, separate)
    multiple = config.procedure.size_multiple or clip.visual.config.patch_size
    return CosineMaps(scorer_cosines(name, clip, multiple), separate)
