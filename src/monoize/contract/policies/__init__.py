"""What agents may do, as people write it down in thirteen policies, and what is in force when these meet."""
