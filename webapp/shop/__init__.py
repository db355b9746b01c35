"""Packages, orders and the pages that sell them."""
