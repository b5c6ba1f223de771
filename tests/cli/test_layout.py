from embedtune.cli.layout import UNBROKEN, print_columns, wrapped


def test_lines_are_indented_from_the_second_on_and_some_blanks_do_not_break():
    text = wrapped("word " * 30 + f"95{UNBROKEN}%", "    ")
    first, *others = text.splitlines()
    assert not first.startswith(" ") and all(line.startswith("    ") for line in others)
    assert text.endswith("95 %")


def test_first_column_is_left_aligned_and_the_others_right(capsys):
    print_columns([("a", "1.5", "x"), ("long", "12.5", "")], indent="  ")
    assert capsys.readouterr().out == "  a      1.5  x\n  long  12.5\n"
