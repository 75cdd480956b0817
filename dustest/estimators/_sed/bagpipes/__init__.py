"""The reference engine: Bagpipes with a seeded nested sampler."""
