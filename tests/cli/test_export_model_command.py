"""``embedtune export-model``."""


def test_it_tells_the_next_step_where_there_is_no_evaluation(invoke, small_run, tmp_path):
    code, stdout, stderr = invoke("export-model", small_run[0], tmp_path / "mine")
    assert (code, stdout) == (3, "")
    assert "run the stage that makes 'eval' first" in stderr
    code, _, stderr = invoke("export-model", small_run[0], tmp_path)
    assert (code, "expected a folder to be made" in stderr) == (2, True)
