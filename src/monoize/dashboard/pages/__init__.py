"""The pages, a file for each noun. They decide nothing themselves: they call actions and show what comes of it."""
