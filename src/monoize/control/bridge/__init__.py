"""Where the data plane and the control plane meet: what goes down to it, and what comes up from it."""
