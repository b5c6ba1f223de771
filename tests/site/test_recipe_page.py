"""The recipe with every setting is a recipe, and holds the defaults."""

from recipe_page import every_setting

from embedtune.config.settings import GenerateConfig, RunConfig, load_config


def test_it_loads_and_holds_the_defaults(tmp_path):
    path = tmp_path / "every.yaml"
    path.write_text(every_setting(), encoding="utf-8")
    loaded = load_config(RunConfig, file=path)
    assert loaded == RunConfig(out="runs/mine", generate=GenerateConfig(source="docs"))


def test_it_holds_every_setting():
    def names(values):
        return [
            name for key, each in values.items() for name in (key, *(names(each) if isinstance(each, dict) else ()))
        ]

    shown = {
        line.strip().partition(":")[0] for line in every_setting().splitlines() if not line.strip().startswith("#")
    }
    settings = RunConfig(out="runs/mine", generate=GenerateConfig(source="docs")).model_dump(mode="json")
    settings["generate"]["llm"]["kinds"] = "on one line"
    assert set(names(settings)) <= shown
