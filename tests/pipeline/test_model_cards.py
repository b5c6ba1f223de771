"""The cards of a real run: what train and eval write of a model, and that no private word is among it."""

import re

from embedtune.config.settings import GenerateConfig
from embedtune.pipeline.model_cards import README, card_of, write_card
from embedtune.project.records import ModelRecord

RECORD = ModelRecord(shipped="tuned", method="lora", quantize="int8", strength=0.5)


def test_a_folder_is_no_name_for_others(tmp_path):
    local = card_of(RECORD, GenerateConfig(source="secret-docs", model=str(tmp_path)), {}, 10)
    assert local.base_model is None
    hub = card_of(
        RECORD, GenerateConfig(source="secret-docs", model="org/model", window_tokens=99), {"query": "q: "}, 10
    )
    assert (hub.base_model, hub.window_tokens, hub.n_passages, hub.results) == ("org/model", 99, 10, ())
    write_card(tmp_path / README, local)
    text = (tmp_path / README).read_text(encoding="utf-8")
    assert str(tmp_path) not in text and "secret" not in text
    assert re.search(r"^# Embedding model tuned for retrieval$", text, re.MULTILINE)
