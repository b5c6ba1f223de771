"""Generate synthetic queries from passages and filter them."""
