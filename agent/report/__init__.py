"""What the bureau is told, when: each message numbered, and durable with the state it came from."""
