"""The tabulated engine: photometry from tables and importance sampling."""
