"""Instance segmentation under COCO's and LVIS's rules: what is kept of an image, and the numbers.

A record holds the answer itself, so that it can be judged by any other tool as well; objects and
answers are matched when the run is summed up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lexiseg.datasets import InstanceDataset, InstanceSample
from lexiseg.errors import DatasetError
from lexiseg.evaluation.asking import ask
from lexiseg.evaluation.records import Record
from lexiseg.evaluation.summary import InstanceRow, Summary
from lexiseg.evaluation.tasks.instance_rules import (
    COCO_RULES,
    LVIS_RULES,
    Found,
    InstanceRules,
)
from lexiseg.io.output_file import json_text
from lexiseg.io.writer import Destination
from lexiseg.metrics import (
    AT_50,
    AT_75,
    ClassMatches,
    PresenceCounts,
    average_precision,
    average_recall,
    bootstrap_interval,
    class_presence,
    gather_matches,
    matthews,
    mean_precision,
    mean_recall,
)
from lexiseg.types import EncodedImage, Mask, Method, Result

Statistic = Callable[[NDArray[np.number]], NDArray[np.float64]]
"""A number for each of D weightings (D, images) of the images."""

RESULTS = "coco-results.json"
_FREQUENCIES = {"r": "rare", "c": "common", "f": "frequent"}


def score_image(method: Method, sample: InstanceSample, dataset: InstanceDataset) -> Record:
    """Ask for every class in one image.

    Returns:
        See `score_result`.
    """
    return score_scene(method, method.encode(sample.image), sample, dataset)


def score_scene(
    method: Method, scene: EncodedImage, sample: InstanceSample, dataset: InstanceDataset
) -> Record:
    """As `score_image`, for a scene that is encoded already."""
    answer = ask(method, scene, dataset.classes.vocabulary(sample.asked))
    return score_result(answer, sample, dataset)


def score_result(result: Result, sample: InstanceSample, dataset: InstanceDataset) -> Record:
    """The record of an answer.

    Returns:
        ``size``; ``found``: [class index, score, run lengths] of each object; ``presence``: the
        four counts of `lexiseg.metrics.PresenceCounts`; ``class_overlap``: classes in answer and
        truth, and in either.

    Raises:
        DatasetError: the image is not of the size that its annotation says.
    """
    for item in sample.objects:
        if item.mask.size_hw != result.size_hw:
            raise DatasetError(
                f"Image {sample.id} is {result.size_hw} pixels high and wide, but is annotated as "
                f"{item.mask.size_hw}."
            )
    number = dataset.classes.number
    found = [
        [number[item.label] - 1, float(item.score), item.mask.to_coco()["counts"]]
        for item in result.instances
    ]
    asked = range(len(dataset.classes)) if sample.asked is None else sample.asked
    counts = class_presence({number[item.label] - 1 for item in result.instances}, sample, asked)
    overlap = [counts.both, counts.both + counts.only_kept + counts.only_present]
    return {
        "id": sample.id,
        "number": sample.number,
        "size": list(result.size_hw),
        "found": found,
        "presence": list(counts.counts),
        "class_overlap": overlap,
    }


def summarize(records: Sequence[Record], dataset: InstanceDataset, *, seed: int = 0) -> Summary:
    """AP and AR, class IoU and presence over all images, with bootstrap intervals over images."""
    rules = rules_of(dataset)
    place = {name: index for index, name in enumerate(dataset.ids)}
    samples = (dataset[place[record["id"]]] for record in records)
    matches = gather(map(answers_of, records), samples, rules)
    plain = np.ones((1, len(records)))
    statistics = statistics_of(matches, rules, dataset.frequencies)
    scores = {name: float(statistic(plain)[0]) for name, statistic in statistics.items()}
    intervals = {
        name: bootstrap_interval(len(records), statistics[name], seed=seed)
        for name in ("ap", "ap50", "ap75", f"ar{rules.recall_limits[-1]}")
    }
    more, more_intervals = _class_numbers(records, seed)
    return Summary(
        scores | more, intervals | more_intervals, _rows(matches, records, rules, dataset)
    )


def rules_of(dataset: InstanceDataset) -> InstanceRules:
    """How answers on a data set are judged."""
    return LVIS_RULES if dataset.federated else COCO_RULES


def gather(
    answers: Iterable[Sequence[Found]], samples: Iterable[InstanceSample], rules: InstanceRules
) -> dict[int, ClassMatches]:
    """Match the answers of all images.

    Args:
        answers: of each image.
        samples: the truth of each, in the same order.
        rules: which answers count.

    Returns:
        Class index -> its answers over all images.
    """
    return gather_matches(answers, samples, rules.per_class, rules.per_image)


def answers_of(record: Record) -> list[Found]:
    """Class index, score and mask of each object in a record."""
    return [
        (number, score, Mask.from_coco({"size": record["size"], "counts": counts}))
        for number, score, counts in record["found"]
    ]


def statistics_of(
    matches: Mapping[int, ClassMatches], rules: InstanceRules, frequencies: Sequence[str] = ()
) -> dict[str, Statistic]:
    """Name of a number -> function of image weights (D, images) that gives its (D,) values.

    Args:
        matches: of each class.
        rules: under which they were matched.
        frequencies: of each class, where the data set groups them.
    """
    classes = list(matches.values())
    most = rules.recall_limits[-1]
    statistics: dict[str, Statistic] = {
        "ap": partial(mean_precision, classes),
        "ap50": partial(mean_precision, classes, columns=AT_50),
        "ap75": partial(mean_precision, classes, columns=AT_75),
    }
    for area in ("small", "medium", "large"):
        statistics[f"ap_{area}"] = partial(mean_precision, classes, area=area)
    for limit in rules.recall_limits:
        statistics[f"ar{limit}"] = partial(mean_recall, classes, limit=limit)
    for area in ("small", "medium", "large"):
        statistics[f"ar{most}_{area}"] = partial(mean_recall, classes, area=area, limit=most)
    for letter, word in _FREQUENCIES.items() if frequencies else ():
        group = [one for number, one in matches.items() if frequencies[number] == letter]
        statistics[f"ap_{word}"] = partial(mean_precision, group)
    return statistics


def _class_numbers(
    records: Sequence[Record], seed: int
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """Class IoU (mean over images of classes in both / in either) and presence."""
    ratio = class_ious(records)
    counts = np.array([record["presence"] for record in records], dtype=np.float64)
    total = PresenceCounts(*(int(value) for value in counts.sum(axis=0)))
    scores = {
        "class_iou": float(ratio.mean()),
        "presence_mcc": total.mcc,
        "presence_precision": total.precision,
        "presence_recall": total.recall,
    }
    images = len(records)
    intervals = {
        "class_iou": bootstrap_interval(images, lambda w: w @ ratio / images, seed=seed),
        "presence_mcc": bootstrap_interval(images, lambda w: matthews(w @ counts), seed=seed),
    }
    return scores, intervals


def class_ious(records: Sequence[Record]) -> NDArray[np.float64]:
    """(images,) classes answered and true over classes answered or true.

    An image without classes that is answered with none is fully right.
    """
    both, either = np.array([record["class_overlap"] for record in records], dtype=np.float64).T
    return np.where(either > 0, both / either.clip(1), 1.0)


def _rows(
    matches: Mapping[int, ClassMatches],
    records: Sequence[Record],
    rules: InstanceRules,
    dataset: InstanceDataset,
) -> tuple[InstanceRow, ...]:
    """The table of classes; those of which nothing is shown or answered have no numbers."""
    plain = np.ones((1, len(records)))
    rows = []
    for number, (name, prompt) in enumerate(
        zip(dataset.classes.names, dataset.classes.prompts, strict=True)
    ):
        one = matches.get(number, ClassMatches.gather({}, len(records)))
        precision = average_precision(one, plain)[0]
        recall = average_recall(one, plain, limit=rules.recall_limits[-1])[0]
        shown = bool(one.truths[0].any())
        rows.append(
            InstanceRow(
                name=name,
                prompt=prompt,
                ap=float(precision.mean()) if shown else None,
                ap50=float(precision[0]) if shown else None,
                recall=float(recall.mean()) if shown else None,
                images=int((one.truths[0] > 0).sum()),
                objects=int(one.truths[0].sum()),
                answers=len(one.images),
            )
        )
    return tuple(rows)


def write_results(records: Sequence[Record], dataset: InstanceDataset, files: Destination) -> Path:
    """Write ``coco-results.json``: the answers with the data set's own numbers, for any tool.

    No boxes: with them the COCO tools take an answer's area from its box rather than its mask.
    """
    entries = [
        {
            "image_id": record["number"],
            "category_id": dataset.category_ids[index],
            "score": score,
            "segmentation": mask.to_coco(),
        }
        for record in records
        for index, score, mask in answers_of(record)
    ]
    text = ",\n".join(json_text(entry) for entry in entries)
    return files.text(files.folder / RESULTS, f"[{text}]\n")
