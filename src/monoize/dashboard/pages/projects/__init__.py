"""The room of projects, a file for each noun."""
