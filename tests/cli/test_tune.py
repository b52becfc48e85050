from typer.testing import CliRunner

from lexiseg.cli.app import app


def test_values_are_tried_in_the_order_in_which_they_are_typed() -> None:
    command = "tune car --dataset miniworld --limit 1 --quiet --try max_steps=0 --try max_steps=1"
    result = CliRunner().invoke(app, command.split())
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if line.startswith("|")][2:]
    assert [row.split("|")[1].strip() for row in rows] == [
        "as it was",
        "--set max_steps=0",
        "--set max_steps=1",
    ]
