"""Platforms, people, roles and sign-in."""
