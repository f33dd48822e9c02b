"""What the operator writes: settings, device profiles (data), messages in two languages, the unit file."""

from config.faults import ConfigError, Fault
from config.loading import Report, check, check_text, load

__all__ = ["ConfigError", "Fault", "Report", "check", "check_text", "load"]
