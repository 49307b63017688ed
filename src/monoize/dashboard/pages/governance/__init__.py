"""What agents may do, who is asked first, and how they are stopped."""
