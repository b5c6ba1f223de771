"""LangChain, LlamaIndex and Haystack components for a finished run, one module per framework."""
