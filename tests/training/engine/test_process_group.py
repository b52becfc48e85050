"""Two processes that train one network."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import torch

from lexiseg.training.engine.process_group import ALONE

MEMBER = """
import torch
from lexiseg.training.engine.process_group import ProcessGroup
group = ProcessGroup.join()
one, two = torch.full((2, 3), float(group.rank)), torch.full((4,), 10.0 * group.rank)
group.average([one, None, two])
with group.main_first():
    print("in", group.rank, flush=True)
print("out", one.unique().item(), two.unique().item(), group.maximum(float(group.rank)), flush=True)
torch.distributed.destroy_process_group()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_gradients_are_means_and_the_largest_value_counts() -> None:
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    members = [
        subprocess.Popen(
            [sys.executable, "-c", MEMBER],
            env={**os.environ, **place, "RANK": str(rank), "LOCAL_RANK": "0"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    said = [member.communicate(timeout=120)[0].split("\n") for member in members]
    for rank, lines in enumerate(said):
        assert lines[:2] == [f"in {rank}", "out 0.5 5.0 1.0"]


def test_alone_nothing_changes() -> None:
    gradient = torch.arange(3.0)
    ALONE.average([gradient, None])
    assert ALONE.is_main and ALONE.maximum(2.5) == 2.5
    assert gradient.tolist() == [0, 1, 2]
