"""Files of what estimators have learned."""
