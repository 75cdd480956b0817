"""Identity of results: lossless descriptions, and seeds."""
