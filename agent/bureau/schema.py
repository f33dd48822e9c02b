"""The tables of a bureau and every statement on them, in SQL that SQLite and PostgreSQL read alike.

Merging is in the statements: a total only ever grows, so that messages may come in any order, twice, and through
several workers at once. `?` stands for a parameter; a store with another sign replaces it.
"""

from __future__ import annotations

TABLES = (
    """CREATE TABLE IF NOT EXISTS message (
        site TEXT NOT NULL, epoch TEXT NOT NULL, seq BIGINT NOT NULL, topic TEXT NOT NULL, ts_ms BIGINT,
        clock TEXT, boot TEXT, mono_ms BIGINT, quality TEXT, hist INTEGER NOT NULL,
        mark TEXT NOT NULL, payload TEXT NOT NULL,
        PRIMARY KEY (site, epoch, seq))""",
    """CREATE TABLE IF NOT EXISTS counted (
        site TEXT NOT NULL, counter TEXT NOT NULL, base BIGINT NOT NULL,
        lo BIGINT NOT NULL, hi BIGINT, total BIGINT NOT NULL,
        PRIMARY KEY (site, counter, base))""",
    """CREATE TABLE IF NOT EXISTS event (
        site TEXT NOT NULL, stream TEXT NOT NULL, epoch TEXT NOT NULL, total BIGINT NOT NULL,
        PRIMARY KEY (site, stream, epoch))""",
    """CREATE TABLE IF NOT EXISTS epoch (
        site TEXT NOT NULL, epoch TEXT NOT NULL, watermark BIGINT NOT NULL, last BIGINT NOT NULL,
        PRIMARY KEY (site, epoch))""",
    """CREATE TABLE IF NOT EXISTS gone (
        site TEXT NOT NULL, epoch TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (site, epoch, first, last))""",
    """CREATE TABLE IF NOT EXISTS conflict (
        site TEXT NOT NULL, epoch TEXT NOT NULL, seq BIGINT NOT NULL, mark TEXT NOT NULL, topic TEXT NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (site, epoch, seq, mark))""",
    """CREATE TABLE IF NOT EXISTS presence (
        site TEXT NOT NULL, online INTEGER NOT NULL, sid BIGINT NOT NULL,
        PRIMARY KEY (site))""",
    """CREATE TABLE IF NOT EXISTS asked (
        site TEXT NOT NULL, epoch TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
        at_s BIGINT NOT NULL, times BIGINT NOT NULL,
        PRIMARY KEY (site, epoch, first, last))""",
)

# --- what a message does ---

KEEP_MESSAGE = (
    """INSERT INTO message VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (site, epoch, seq) DO NOTHING"""
)

MARK_OF = "SELECT mark FROM message WHERE site = ? AND epoch = ? AND seq = ?"

KEEP_CONFLICT = "INSERT INTO conflict VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

MERGE_COUNTED = """INSERT INTO counted VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (site, counter, base) DO UPDATE SET
    lo = CASE WHEN excluded.lo > counted.lo THEN excluded.lo ELSE counted.lo END,
    hi = CASE WHEN excluded.hi IS NULL OR counted.hi IS NULL THEN NULL
              WHEN excluded.hi > counted.hi THEN excluded.hi ELSE counted.hi END,
    total = CASE WHEN excluded.total > counted.total THEN excluded.total ELSE counted.total END"""

MERGE_EVENT = """INSERT INTO event VALUES (?, ?, ?, ?) ON CONFLICT (site, stream, epoch) DO UPDATE SET
    total = CASE WHEN excluded.total > event.total THEN excluded.total ELSE event.total END"""

MERGE_EPOCH = """INSERT INTO epoch VALUES (?, ?, 0, ?) ON CONFLICT (site, epoch) DO UPDATE SET
    last = CASE WHEN excluded.last > epoch.last THEN excluded.last ELSE epoch.last END"""

KEEP_GONE = "INSERT INTO gone VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"

# A death of an earlier connection (a late will) is no news; a birth always is: on a new card sids begin anew.
MERGE_PRESENCE = """INSERT INTO presence VALUES (?, ?, ?) ON CONFLICT (site) DO UPDATE SET
    online = excluded.online, sid = excluded.sid WHERE excluded.online = 1 OR excluded.sid >= presence.sid"""

# --- gaps ---

OPEN_EPOCHS = "SELECT site, epoch, watermark, last FROM epoch WHERE watermark < last ORDER BY site, epoch"

WATERMARKS = "SELECT site, epoch, watermark FROM epoch ORDER BY site, epoch"

# Consecutive numbers share the difference to their rank: each island of them is one row.
ARRIVED = """SELECT MIN(seq), MAX(seq) FROM (
        SELECT seq, seq - ROW_NUMBER() OVER (ORDER BY seq) AS island
        FROM message WHERE site = ? AND epoch = ? AND seq > ?) AS numbered
    GROUP BY island"""

GONE_ABOVE = "SELECT first, last FROM gone WHERE site = ? AND epoch = ? AND last > ?"

RAISE_WATERMARK = "UPDATE epoch SET watermark = ? WHERE site = ? AND epoch = ? AND watermark < ?"

# One of several workers asks: the one whose row this becomes.
CLAIM = """INSERT INTO asked VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (site, epoch, first, last) DO UPDATE SET
    at_s = excluded.at_s, times = asked.times + 1 WHERE asked.at_s <= ?"""

FORGET_ASKED = "DELETE FROM asked WHERE at_s <= ?"

# --- answers for people ---

# Summed by the reader: a thousand bases of one absurd site would be too much for a BIGINT, and hide everybody's.
COUNTED = "SELECT site, counter, lo, hi, total FROM counted ORDER BY site, counter"

EVENTS = "SELECT site, stream, total FROM event ORDER BY site, stream"

CONFLICTS = "SELECT site, epoch, seq FROM conflict ORDER BY site, epoch, seq"

GONE = "SELECT site, epoch, first, last, reason FROM gone ORDER BY site, epoch, first"

PRESENCE = "SELECT site, online, sid FROM presence ORDER BY site"

# When each message was made. What was stamped while no time server vouched for the clock is placed by the first message
# of the same boot that one did vouch for; milliseconds since boot tell how far they lie apart. NULL: none has come yet.
PLACED = """SELECT epoch, seq, topic, CASE WHEN clock = 'ntp' THEN ts_ms ELSE COALESCE(
        (SELECT better.ts_ms - (better.mono_ms - message.mono_ms) FROM message AS better
         WHERE better.site = message.site AND better.boot = message.boot AND better.clock = 'ntp'
         ORDER BY better.mono_ms LIMIT 1),
        CASE WHEN clock = 'none' THEN NULL ELSE ts_ms END) END
    FROM message WHERE site = ? ORDER BY epoch, seq"""

MESSAGES = "SELECT site, COUNT(*) FROM message GROUP BY site ORDER BY site"
