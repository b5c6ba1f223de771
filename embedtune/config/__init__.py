"""Settings as pydantic models, and the loader that reads them from YAML, ``--set`` and options."""
