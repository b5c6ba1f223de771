"""Names, addresses and keys of providers."""

import pytest

from embedtune.config.settings import LlmConfig
from embedtune.errors import ConfigError
from embedtune.llm import providers
from embedtune.llm.providers import check_access, check_url, describe, find_key, import_extra, split_name


def test_names():
    assert split_name("openai:gpt-4o-mini") == ("openai", "gpt-4o-mini")
    assert split_name("ollama:llama3.2:3b") == ("ollama", "llama3.2:3b")
    assert split_name("gguf:C:/model.gguf") == ("gguf", "C:/model.gguf")
    assert split_name("local") == ("local", "local")
    assert split_name("llama_index.llms.anthropic.Anthropic:x") == ("llama_index.llms.anthropic.Anthropic", "x")


@pytest.mark.parametrize("name", ["", "gpt-4o", "openai:", "azure:x", "os.system:x", "llama_index.core.llms.MockLLM:x"])
def test_other_names_are_refused(name):
    with pytest.raises(ConfigError, match="expected local or PROVIDER:MODEL"):
        split_name(name)


@pytest.mark.parametrize("url", [None, "http://localhost:8000/v1", "https://api.example.org/openai/v1"])
def test_addresses(url):
    check_url(url)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", "http://host:port/v1", ""])
def test_no_addresses(url):
    with pytest.raises(ConfigError, match="expected an address"):
        check_url(url)


@pytest.mark.parametrize(
    "url", ["http://ada:pw@host/v1", "https://host/v1?key=abc", "http://token@host", "http://host/#pw"]
)
def test_addresses_with_keys_are_refused_and_not_repeated(url):
    with pytest.raises(ConfigError) as refused:
        check_url(url)
    assert "host" not in str(refused.value)
    assert "EMBEDTUNE_LLM_KEY" in refused.value.hint


def test_the_key_of_openai_goes_to_openai_alone(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "for-openai")
    monkeypatch.delenv("EMBEDTUNE_LLM_KEY", raising=False)
    assert find_key("openai", None, None) == "for-openai"
    assert find_key("openai", "http://elsewhere/v1", None) is None
    monkeypatch.setenv("EMBEDTUNE_LLM_KEY", "for-others")
    assert find_key("openai", "http://elsewhere/v1", None) == "for-others"
    assert find_key("openai", "http://elsewhere/v1", "OPENAI_API_KEY") == "for-openai"
    assert find_key("ollama", None, None) == "for-others"


def test_a_key_that_is_needed_and_missing_is_named(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"^OPENAI_API_KEY: expected a key"):
        check_access(LlmConfig(name="openai:x"))
    with pytest.raises(ConfigError, match=r"^MY_KEY: expected a key"):
        find_key("openai", "http://host/v1", "MY_KEY")


def test_a_missing_package_is_named_with_the_line_that_installs_it():
    with pytest.raises(ConfigError) as refused:
        import_extra("llama_index.llms.nowhere", "embedtune[nowhere]")
    assert refused.value.hint == 'pip install "embedtune[nowhere]"'


def test_the_model_is_known_by_provider_and_name_wherever_the_server_is():
    one, two = (describe(LlmConfig(name="openai:m", base_url=url)) for url in ("http://a/v1", "http://b:9/v1"))
    assert one == two == ("openai:m", True, None)


def test_every_provider_has_its_package_listed():
    assert set(providers._MODULES) == {*providers.PROVIDERS, providers.LOCAL}
