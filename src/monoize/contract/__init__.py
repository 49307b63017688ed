"""All that crosses the wall between data plane and control plane: frozen values, and no way to act on them."""
