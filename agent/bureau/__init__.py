"""The other end of the wire: what a central server rebuilds from the messages."""
