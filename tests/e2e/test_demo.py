"""The demo itself, minutes long."""

import pytest

import embedtune
from embedtune.config.settings import RunConfig, load_config
from embedtune.resources import find_recipe


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_tuned_model_beats_its_base_on_the_hand_written_queries(tmp_path):
    config = load_config(RunConfig, file=find_recipe("quickstart"), options={"out": str(tmp_path / "run")})
    systems = embedtune.run(config)["eval"].record.systems
    assert systems["tuned"]["ndcg@10"] > systems["base"]["ndcg@10"]
    assert systems["tuned"]["ndcg@10"] > systems["base_quantized"]["ndcg@10"]
