"""Making queries from passages, filtering them, and splitting documents into train, dev and test."""
