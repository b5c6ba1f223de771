def test_a_folder_without_a_run_is_an_error_with_a_hint(invoke, tmp_path):
    code, out, err = invoke("ui", tmp_path, "-q")
    assert (code, out) == (3, "")
    assert "Hint: run the stage" in err


def test_a_run_named_twice_is_refused(invoke, small_run):
    code, _, err = invoke("ui", small_run[0], small_run[0], "-q")
    assert code == 2
    assert "found one that is open already" in err
