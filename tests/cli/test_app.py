from __future__ import annotations

import subprocess
import sys

import pytest

import lexiseg

VERBS = [
    "segment",
    "refer",
    "label",
    "rate",
    "video",
    "evaluate",
    "analyze",
    "train",
    "convert",
    "models",
    "bench",
    "doctor",
    "demo",
    "miniworld",
]


def test_help_lists_every_verb(lexiseg_command) -> None:
    code, out, _ = lexiseg_command("--help")
    assert code == 0 and all(verb in out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_an_example(lexiseg_command, verb: str) -> None:
    code, out, _ = lexiseg_command(verb, "--help")
    assert code == 0 and f"Example: lexiseg {verb}" in " ".join(out.split())


def test_version(lexiseg_command) -> None:
    assert lexiseg_command("--version")[:2] == (0, f"{lexiseg.__version__}\n")


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys; from lexiseg.cli import main\n"
        "try: main(['segment', '--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'scipy', 'PIL'} & set(sys.modules)\n"
        "print(sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_debug_shows_the_traceback(lexiseg_command, capsys) -> None:
    from lexiseg import cli
    from lexiseg.errors import UsageError

    with pytest.raises(UsageError):
        cli.main(["--debug", "segment", "x.png"])


def test_a_mistake_of_ours_is_one_line(
    lexiseg_command, color_method, monkeypatch, pictures
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("tensor of the wrong kind")

    monkeypatch.setattr(color_method, "load", broken)
    ask = ("segment", pictures / "0.png", "-t", "red", "--method", "color", "--json")
    code, out, err = lexiseg_command(*ask)
    assert code == 1 and out == "" and err.count("\n") == 1
    assert "RuntimeError: tensor of the wrong kind" in err and "--debug" in err


def test_doctor_reports_versions_devices_and_weights(lexiseg_command) -> None:
    code, out, _ = lexiseg_command("doctor")
    assert code == 0
    assert all(word in out for word in ("torch", "devices", "hub cache", "clip-vit-b16"))


def test_models_list_and_path(lexiseg_command, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    code, out, _ = lexiseg_command("models", "list")
    assert code == 0 and "openai/clip-vit-base-patch16" in out and "license" in out
    code, _, err = lexiseg_command("models", "path", "no-such-model")
    assert code == 2 and "no-such-model" in err
