"""The reference engine: Bagpipes under a seeded nested sampler."""
