"""The writers of a run folder: generate → train → evaluate, and what is made from them."""
