"""Training methods: one function each from a context to a ``Candidate``, and the selection among them."""
