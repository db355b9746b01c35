"""Pricing plugins that ship with SMS Credits; they take the same road as foreign ones."""
