"""The one durable store: messages and the count state that contains them, in a ring of salted segments."""

from agent.uplink.spool.disk import SpoolLockedError
from agent.uplink.spool.ledger import Books
from agent.uplink.spool.spool import Spool
from agent.uplink.spool.wear import Room
from agent.uplink.spool.writer import GOOD, Condition

__all__ = ["GOOD", "Books", "Condition", "Room", "Spool", "SpoolLockedError"]
