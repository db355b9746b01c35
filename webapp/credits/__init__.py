"""The consumption engine: lots, holds, assignment, expiry, ledger."""
