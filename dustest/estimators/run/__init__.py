"""How an estimator runs over a sample: batches, workers, the store, summaries."""
