"""The lockers of a site: their boards' languages, what the wires tell of them, and what is reported."""
