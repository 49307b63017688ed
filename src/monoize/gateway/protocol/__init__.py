"""What the wire protocols have in common (`urp`), and one package for each of them that speaks it. Pure, no I/O."""
