"""The groups of scripts/bench: each a function that takes the Bench and tells its Report."""
