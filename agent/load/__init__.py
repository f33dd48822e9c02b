"""From raw counter readings to true totals and the load of lines: pure, time comes as an argument."""
