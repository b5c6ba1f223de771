from __future__ import annotations

import logging
import warnings

from transformers.utils import logging as theirs

from embedtune.quiet import quiet_libraries


def test_bars_warnings_and_log_lines_of_libraries_are_not_shown(capfd):
    theirs.enable_progress_bar()
    with quiet_libraries():
        assert not theirs.is_progress_bar_enabled()
        list(theirs.tqdm(range(2), desc="Loading weights"))
        logging.getLogger("bitsandbytes.backends.cpu.ops").warning("Failed to load CPU gemm_4bit_forward")
        logging.getLogger("transformers.modeling_utils").warning("newly initialized")
        warnings.warn("deprecated", FutureWarning, stacklevel=1)
    assert capfd.readouterr() == ("", "")
    assert theirs.is_progress_bar_enabled()


def test_what_was_set_is_restored_after_an_error():
    level = logging.getLogger("transformers").level
    try:
        with quiet_libraries():
            raise KeyError
    except KeyError:
        pass
    assert logging.getLogger("transformers").level == level and theirs.is_progress_bar_enabled()


def test_logging_that_an_application_has_set_up_still_hears_them(caplog):
    with quiet_libraries():
        logging.getLogger("sentence_transformers").warning("no prompt")
    assert "no prompt" in caplog.text
