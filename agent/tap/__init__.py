"""Listening to a line as a technician does: where its bytes come from, and a capture file for Wireshark."""
