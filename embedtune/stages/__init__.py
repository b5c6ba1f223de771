"""The stages of a run, each the only writer of its folder: generate → train → evaluate."""
