"""What the bureau and people on the machine may order: a mode, a plan, a stock-take; nothing else has a form."""
