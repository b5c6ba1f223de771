"""Quality and speed tables, one command each."""
