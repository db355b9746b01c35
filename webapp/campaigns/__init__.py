"""Compose, live quote, schedule, dispatch, gateways."""
