"""One scanner's connection tried by a technician: what it delivers, before any agent counts it."""
