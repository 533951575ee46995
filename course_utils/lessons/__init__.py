"""A room for each lesson: `probe` (how its tasks are asked), `plots` (its figures), `predictions.toml`."""
