"""Lines and columns."""

from embedtune.cli.layout import UNBROKEN, print_columns, print_next, wrapped


def test_a_long_text_is_indented_from_its_second_line_and_an_unbroken_blank_stays(monkeypatch):
    monkeypatch.setattr("embedtune.cli.layout.width", lambda: 20)
    assert wrapped(f"one two three four 95{UNBROKEN}% five", "  ").splitlines() == ["one two three four", "  95 % five"]


def test_the_first_column_is_left_and_the_others_right(capsys):
    print_columns([("name", "a", "bb"), ("x", "100", "")], "  ")
    assert capsys.readouterr().out == "  name    a  bb\n  x     100\n"


def test_the_next_command_is_a_line(capsys):
    print_next("embedtune train runs/x")
    assert capsys.readouterr().out == "next: embedtune train runs/x\n"
