"""Coming in, one's own account and keys, and everybody's accounts."""
