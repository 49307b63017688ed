"""What every HTTP face of the control plane shares: callers, problems, paging, bounds. No SQL, no rooms."""
