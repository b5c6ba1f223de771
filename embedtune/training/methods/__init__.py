"""Ways to tune, each tried by itself against dev; ``ladder`` tells which is shipped.

``query_adapters`` (principal directions, a linear map), ``query_side`` (LoRA for queries alone) and ``both_sides`` (LoRA or all
weights for queries and passages) have one function each: context → ``Candidate``.
"""
