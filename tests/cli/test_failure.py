"""What a command says on its way."""

import io

from app.cli.failure import console


def test_a_line_in_a_file_is_not_wrapped(monkeypatch):
    file = io.StringIO()
    monkeypatch.setattr(console, "file", file)
    console.print("Continuing " + "long/" * 60 + "run after step 1.")
    assert file.getvalue().count("\n") == 1
