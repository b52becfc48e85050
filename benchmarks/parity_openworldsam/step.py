"""One training step: predictions, costs, matches, losses, gradients, parameters after it."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.parity_openworldsam.networks import PackNetworks
from benchmarks.parity_openworldsam.pack import Pack, Picture
from lexiseg.models.openworldsam import Adapter
from lexiseg.ops.mask_losses import focal_cost
from lexiseg.training.openworldsam.config import AdapterTraining
from lexiseg.training.openworldsam.learner import parameter_groups
from lexiseg.training.openworldsam.networks import QueryAnswers, answer
from lexiseg.training.openworldsam.objective import Match, match_queries, picture_loss

Arrays = Iterator[tuple[str, Any]]
RELEASED = AdapterTraining(layout="released")
TINY = 1e-3  # of the largest gradient of a parameter
LOSSES = {
    "loss_mask": replace(RELEASED, focal_weight=1.0),
    "loss_dice": replace(RELEASED, focal_weight=0.0, dice_weight=1.0),
    "loss_ce": replace(RELEASED, focal_weight=0.0, score_weight=1.0),
}


def rebuild_step(pack: Pack, networks: PackNetworks) -> Arrays:
    """Everything under ``train.``."""
    adapter = copy.deepcopy(networks.adapter).requires_grad_(True).train()
    total, texts = torch.zeros(()), sum(len(picture.prompts) for picture in pack.pictures)
    for picture in pack.pictures:
        answers, truth = _answered(pack, networks, adapter, picture)
        matches = match_queries(answers, truth, RELEASED)
        for place in range(len(picture.prompts)):
            part = slice(place, place + 1)
            one = QueryAnswers(answers.logits[part], answers.scores[part], None)
            yield from _of_prompt(picture.first + place, one, truth[place], matches[place])
        loss = picture_loss(answers, truth, matches, RELEASED).mask / texts
        torch.autograd.backward(loss)
        total = total + loss.detach()
    yield from {
        "train.final.loss_mask": total[None],
        "train.final.loss_dice": torch.zeros(1),  # of weight 0, as the term of scores
        "train.final.loss_ce": torch.zeros(1),
    }.items()
    yield from _stepped(pack, adapter)


def _answered(
    pack: Pack, networks: PackNetworks, adapter: Adapter, picture: Picture
) -> tuple[QueryAnswers, list[Tensor]]:
    answers = answer(
        adapter, networks.segmenter, networks.embed(pack, picture),
        networks.read(pack, picture)[:, 0], fallback=False,
    )  # fmt: skip
    truth = [
        pack.input(f"in.img{picture.number}.gt_masks.prompt{place}").float()
        for place in range(len(picture.prompts))
    ]
    return answers, truth


def _of_prompt(number: int, answers: QueryAnswers, truth: Tensor, match: Match) -> Arrays:
    name, logits = f"train.p{number}", answers.logits[0].detach()
    small = F.interpolate(truth[None], logits.shape[-2:], mode="nearest")[0].flatten(1)
    yield from {
        f"{name}.pred_masks": logits,
        f"{name}.pred_iou": answers.scores.detach().T,
        f"{name}.cost": RELEASED.focal_weight * focal_cost(logits.flatten(1), small),
        f"{name}.match_query": match.queries,
        f"{name}.match_gt": match.objects,
    }.items()
    for loss, config in LOSSES.items():
        value = picture_loss(answers, [truth], [match], config).mask.detach()
        yield f"{name}.{loss}_unweighted", value[None]


def _stepped(pack: Pack, adapter: Adapter) -> Arrays:
    parameters = dict(adapter.named_parameters())
    gradients = {name: p.grad.clone() for name, p in parameters.items() if p.grad is not None}
    order: Sequence[str] = pack.settings["grad_norm_names"]
    norms = [float(gradients[name].double().norm()) for name in order]
    yield "train.gradnorm.values", torch.tensor(norms)
    optimizer = torch.optim.AdamW(parameter_groups(adapter, RELEASED), lr=RELEASED.rate)
    norm = nn.utils.clip_grad_norm_(adapter.parameters(), RELEASED.clip)
    optimizer.step()
    yield "train.total_grad_norm", norm[None]
    for name, parameter in parameters.items():
        clipped = parameter.grad
        assert clipped is not None
        yield f"train.grad.{name}", _as_recorded(pack, name, gradients[name], clipped)
        yield f"train.after_step.{name}", _where_it_moved(pack, name, parameter.detach(), clipped)


def _as_recorded(pack: Pack, name: str, gradient: Tensor, clipped: Tensor) -> Tensor:
    """The gradient before or after clipping, which is done in place: the pack's size tells."""
    name = f"train.grad.{name}"
    if name not in pack.names:
        return gradient
    size = float(np.linalg.norm(pack.expected(name)))
    gaps = [abs(float(one.norm()) - size) for one in (gradient, clipped)]
    return gradient if gaps[0] < gaps[1] else clipped


def _where_it_moved(pack: Pack, name: str, parameter: Tensor, clipped: Tensor) -> Tensor:
    """A parameter after the step; where the gradient was tiny, the reference's stands there.

    AdamW's first step is the sign of the gradient, which of almost nothing is chance.
    """
    name, moved = f"train.after_step.{name}", clipped.abs() > TINY * clipped.abs().max()
    if name not in pack.names or pack.expected(name).shape != parameter.shape:
        return parameter
    return torch.where(moved, parameter, torch.from_numpy(pack.expected(name)))
