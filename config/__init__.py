"""What the operator writes: settings, device profiles (data), messages in two languages, the unit file."""
