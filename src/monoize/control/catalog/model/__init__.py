"""Prices as records, and the rules about them that need no database."""
