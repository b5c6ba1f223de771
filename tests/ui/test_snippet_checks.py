from __future__ import annotations

import pytest

from embedtune.ui.snippet_checks import SnippetChecks


def test_before_a_check_there_is_no_result_and_a_failure_is_a_sentence(run):
    checks = SnippetChecks()
    assert checks.find(run, "tei") == ""
    result = checks.check(run, "tei")
    assert result.startswith("Failed: ") and "--url" in result
    assert checks.find(run, "tei") == result


@pytest.mark.slow
def test_code_that_gives_the_vectors_of_eval_passes(run):
    assert SnippetChecks().check(run, "sentence-transformers").startswith("Passed: ")
