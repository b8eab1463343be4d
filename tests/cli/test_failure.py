"""What a command says on its way."""

from app.cli.failure import console


def test_a_line_in_a_file_is_not_wrapped(capsys):
    console.print("Continuing " + "long/" * 60 + "run after step 1.")
    assert capsys.readouterr().err.count("\n") == 1
