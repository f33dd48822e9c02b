"""What bits and gauges of a site say beside its counters: who stands still, who is in danger, what the weather does."""
