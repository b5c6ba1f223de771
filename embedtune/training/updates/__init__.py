"""Updates: ways to change what a base computes for both queries and passages, one module each, and their registry."""
