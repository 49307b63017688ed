"""The program on a host of the fleet: one file that the hub serves as a script and `monoize courier` runs."""
