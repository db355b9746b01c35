"""Usage over time and its exports."""
