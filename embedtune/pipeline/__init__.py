"""The stages that write a run folder: generate, train, evaluate, and what is made from their results."""
