def test_a_folder_that_is_not_there_is_an_error(invoke, tmp_path):
    code, out, err = invoke("ui", tmp_path / "absent", "-q")
    assert (code, out) == (2, "")
    assert "does not exist" in err


def test_one_of_several_folders_that_is_no_run_is_an_error(invoke, tmp_path, small_run):
    code, out, err = invoke("ui", small_run[0], tmp_path, "-q")
    assert (code, out) == (2, "")
    assert str(tmp_path) in err
