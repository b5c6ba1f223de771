from embedtune.reports.origin import origin
from tests.reports.sample import report_data


def test_stages_settings_and_versions_are_told():
    told = origin(report_data())
    assert told["stages"][0] == {
        "stage": "generate", "started": "2026-11-24T07:17:13Z", "seconds": "12.5", "seed": 3,
        "machine": "Linux, 2 cores, Python 3.11.7",
    }  # fmt: skip
    assert told["stages"][2] == {"stage": "eval", "started": "–", "seconds": "–", "seed": 5, "machine": ""}
    settings = dict(told["settings"])
    assert ("split › train", "0.8") in settings["Settings of generate"]
    assert ("strengths", "0.5, 1.0") in settings["Settings of train"]
    assert ("embedtune", "0.1.0") in settings["Versions"]


def test_values_are_said_in_words():
    data = report_data()
    data["settings"]["eval"] = {"a_b": None, "on": True, "off": False, "empty": []}
    assert dict(origin(data)["settings"])["Settings of eval"] == [
        ("a b", "not set"), ("on", "yes"), ("off", "no"), ("empty", "none"),
    ]  # fmt: skip


def test_the_dataset_is_told_in_a_sentence():
    told = origin(report_data())["dataset"]
    assert "40 documents were read and 1 skipped" in told
    assert "train 900 (900 span)" in told and "test 0 (none)" in told
    assert "would lose 25.0\N{NO-BREAK SPACE}% of all" in told
