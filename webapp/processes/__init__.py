"""The processes of an installation: each for itself, and all of them as one that starts and ends together."""
