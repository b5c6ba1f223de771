"""A query writer of the user's own: a language model that is tuned on their judged queries."""
