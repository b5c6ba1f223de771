import pytest

from embedtune.errors import ConfigError
from embedtune.evaluation.models import Model, added_model, check_names


def model(name, weight=None):
    return Model(name, lambda: pytest.fail("loaded"), weight, ("base", None), name)


def test_an_added_model_is_named_by_its_folder_or_as_on_the_hub(tmp_path):
    (tmp_path / "mine").mkdir()
    assert added_model(str(tmp_path / "mine"), tmp_path / "mine", "fp32").name == "mine"
    hub = added_model("owner/model", tmp_path, "fp32")
    assert (hub.name, hub.documents, hub.weight) == ("owner/model", "owner/model", None)


def test_token_vectors_are_a_models_own_unless_another_is_named():
    assert model("tuned").tokens == "tuned"
    assert model("tuned")._replace(token_vectors="base").tokens == "base"


def test_every_row_has_a_name_of_its_own():
    check_names([model("base", 0.5), model("tuned", 0.5), model("other")])
    for double in ("base", "bm25", "hybrid_base"):
        with pytest.raises(ConfigError, match=f"found '{double}' more than once"):
            check_names([model("base", 0.5), model(double)])
