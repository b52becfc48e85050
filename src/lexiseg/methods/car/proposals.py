"""Mask proposal generator: one soft mask per query from a map and attention affinity.

Sun et al. 2024, section 3.2 and appendix B.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from lexiseg.methods.car.config import ORIGAMI, CarConfig
from lexiseg.methods.car.maps import map_maker
from lexiseg.methods.car.scene import Scene
from lexiseg.models.clip import Clip
from lexiseg.ops.affinity import box_masks, refine
from lexiseg.ops.cam import min_max
from lexiseg.ops.stopwatch import Stopwatch


class ProposalGenerator:
    """Soft masks on the patch grid for texts that compete with background words.

    Args:
        clip: the CAM tower.
        config: kind of maps, and whether and how affinity spreads them.
        separate: each query competes with the background alone (referring segmentation) instead
            of with all queries and the background.
    """

    def __init__(self, clip: Clip, config: CarConfig, separate: bool = False) -> None:
        self.clip = clip
        self.config = config
        self._maps = map_maker(clip, config, separate)

    def __call__(
        self,
        scene: Scene,
        queries: Sequence[str],
        background: Sequence[str],
        step: int,
        watch: Stopwatch,
    ) -> Tensor:
        """Proposals of one recurrence step.

        Args:
            scene: the encoded image.
            queries: N names, without template.
            background: words that compete.
            step: 0 for the first; later ones word the queries differently.
            watch: receives the time of "text" and "cam".

        Returns:
            (N, n) float32 in [0, 1] on the tower's device; zero where nothing was found.
        """
        with watch("text"):
            texts = self.text_embeddings(queries, self.template(step))
            others = self.text_embeddings(background, ORIGAMI)
        with watch("cam"):
            cams, _ = self.activation_maps(scene, texts, others)
            return self.spread(scene, cams) if self.config.affinity else cams

    def template(self, step: int) -> str:
        """The sentence around a query in a step, 0 being the first."""
        return self.config.procedure.first_template if step == 0 else ORIGAMI

    def text_embeddings(self, names: Sequence[str], template: str) -> Tensor:
        """Unit embeddings (N, E) of names put into a template."""
        texts = [template.replace("{}", name) for name in names]
        return F.normalize(self.clip.text_features(texts), dim=-1)

    def activation_maps(
        self, scene: Scene, queries: Tensor, background: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A map for every query; see `maps`.

        Args:
            scene: the encoded image.
            queries: (N, E) unit text embeddings.
            background: (B, E).

        Returns:
            maps (N, n) in [0, 1], and (N,) bool, where a second try without background was needed.
        """
        return self._maps(scene, queries, background)

    def spread(self, scene: Scene, cams: Tensor) -> Tensor:
        """Refine maps by the attention affinity from inside their boxes; (N, n) in [0, 1]."""
        boxes = box_masks(cams, scene.grid_hw, self.config.lam)
        return min_max(refine(scene.affinity, cams, boxes, self.config.refinements))


def enlarge(maps: Tensor, grid_hw: tuple[int, int], size_hw: tuple[int, int]) -> Tensor:
    """Upsample maps (K, n) bilinearly from the patch grid to pixels, (K, H, W)."""
    grids = maps.view(1, len(maps), *grid_hw)
    return F.interpolate(grids, size=size_hw, mode="bilinear", align_corners=False)[0]
