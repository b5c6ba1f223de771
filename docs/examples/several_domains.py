"""Several tuned models that share one base model, selected for each call.

    python docs/examples/several_domains.py law=runs/law health=runs/health --query "statute of limitations"

Print the time of a switch, and the cosine of the query's vectors between the domains.
"""

from __future__ import annotations

import argparse
import statistics
import time

from embedtune.serving.adapters import Adapters


def open_domains(runs):
    """Load the base model once, and one adapter for each run."""
    return Adapters.from_runs(runs)


def embed_for(adapters, domain, query, documents):
    """Embed with the model of a domain."""
    embedder = adapters[domain]
    return embedder.encode_query(query), embedder.encode_documents(documents)


def switch_seconds(adapters, first, second, query, n=20):
    """Return the seconds that a switch adds to a call; a value near or below 0 is within the noise of the clock."""
    alone, mixed = [], []
    for _ in range(n):
        for names, times in (((first, first), alone), ((first, second), mixed)):
            start = time.perf_counter()
            for name in names:
                adapters[name].encode_query(query)
            times.append(time.perf_counter() - start)
    return (statistics.median(mixed) - statistics.median(alone)) / 2


def main(arguments=None):
    """Run the example, and return the seconds of a switch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN")
    parser.add_argument("--query", required=True)
    given = parser.parse_args(arguments)
    names = dict(each.split("=", 1) for each in given.runs)
    adapters = open_domains(names)
    first, *others = list(adapters)
    query = adapters[first].encode_query(given.query)
    for name in others:
        seconds = switch_seconds(adapters, first, name, given.query)
        print(f"{first} and {name}: cosine {query @ adapters[name].encode_query(given.query):.3f}; ", end="")
        print(f"a switch costs {1000 * seconds:.1f} ms")
    return seconds if others else 0.0


if __name__ == "__main__":
    main()
