"""The simulated site: the same TOML, real sockets and lines, parcels that are known exactly."""
