"""Try a seeded sample of small changes to the code, and list those that no test notices.

    pip install -e ".[mutation]"
    python scripts/mutation_sample.py --count 200 --seed 1

mutmut changes one spot at a time and runs the tests that reach it; [tool.mutmut] of pyproject.toml
says where. It knows some 20,000 changes, which would take hours, so a sample is drawn here. Changes
that no test should notice are not drawn: the wording of messages, `strict=` of a zip whose parts
come from one place, the spelling of "nan" and "utf-8".
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import random
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

MUTANTS = Path("mutants/src")
STRING = re.compile(r"""(["'])(.*?)\1""")
STRICT = re.compile(r",? *strict=\w+")


def outcomes() -> dict[str, str]:
    """What is known of every mutant: "killed", "survived", "not checked", ..."""
    metas = [path for path in sorted(MUTANTS.rglob("*.meta")) if source_of(path).exists()]
    files = [json.loads(path.read_text()) for path in metas]
    codes = {name: code for file in files for name, code in file["exit_code_by_key"].items()}
    return {name: status_by_exit_code[code] for name, code in codes.items()}


def source_of(meta: Path) -> Path:
    """The file of the project whose mutants a file of mutmut lists."""
    return Path(*meta.parts[1:]).with_suffix("")


def generate() -> None:
    """Let mutmut write all mutants and learn which tests reach which function, if it has not.

    It does so whatever it is asked to run, so it is asked for the few of one short function.
    """
    known = [path.stat().st_mtime for path in MUTANTS.rglob("*.meta")]
    sources = [path.stat().st_mtime for path in Path("src").rglob("*.py")]
    if not known or max(sources) > max(known):
        few = "*.presence.x__ratio__*"
        subprocess.run([sys.executable, "-m", "mutmut", "run", few], check=True)


def changed_lines(name: str) -> tuple[str, str]:
    """The code before and after, without the lines that stay."""
    lines = get_diff_for_mutant(name).splitlines()[2:]  # below the names of the files
    old, new = ("\n".join(line[1:] for line in lines if line[0] == sign) for sign in "-+")
    return old, new


def essence(code: str) -> str:
    """Code without what no test should notice."""
    plain = STRING.sub(lambda found: found[0] if is_key(found[2]) else "", code)
    return "".join(STRICT.sub("", plain).split())


def is_key(text: str) -> bool:
    """Whether a string is more than the words of a message."""
    return " " not in text and text.lower() not in ("nan", "utf-8")


def is_drawn(name: str) -> bool:
    """Whether a test should notice the change."""
    old, new = changed_lines(name)
    return essence(old) != essence(new)


def draw(names: list[str], count: int, seed: int) -> list[str]:
    """A sample without replacement, in a random order that the seed fixes."""
    shuffled = random.Random(seed).sample(sorted(names), len(names))
    found: list[str] = []
    for name in shuffled:
        if len(found) == count:
            break
        if is_drawn(name):
            found.append(name)
    return found


def report(sample: list[str]) -> None:
    """Print the survivors as differences, then the numbers of each room."""
    known = outcomes()
    rooms: dict[str, Counter[str]] = {}
    for name in sample:
        killed = known[name] in ("killed", "timeout", "segfault")
        rooms.setdefault(name.split(".")[1], Counter())[known[name]] += 1
        if not killed:
            old, new = changed_lines(name)
            print(f"\n{name}: {known[name]}\n-{old}\n+{new}")
    print()
    for room, counts in sorted(rooms.items()):
        print(f"{room:12}", ", ".join(f"{number} {kind}" for kind, number in counts.most_common()))


def main() -> None:
    """Draw, run, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200, help="mutants in the sample")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--only", default="*", help='pattern of names, "lexiseg.ops.*"')
    parser.add_argument("--jobs", type=int, default=1, help="mutants tried at the same time")
    asked = parser.parse_args()
    generate()
    names = fnmatch.filter(outcomes(), asked.only)
    sample = draw(names, asked.count, asked.seed)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(asked.jobs), *sample]
    subprocess.run(command, check=True)
    report(sample)


if __name__ == "__main__":
    main()
