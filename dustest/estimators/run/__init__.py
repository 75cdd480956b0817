"""Running of an estimator on a sample: batches, workers, store of finished rows, summaries."""
