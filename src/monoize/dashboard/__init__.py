"""The pages that people see in a browser: rendered here, calling the same actions as the API, free of scripts."""
