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
        site TEXT NOT NULL, epoch TEXT NOT NULL, last BIGINT NOT NULL, watermark BIGINT NOT NULL, told BIGINT NOT NULL,
        PRIMARY KEY (site, epoch))""",
    """CREATE INDEX IF NOT EXISTS epoch_untold ON epoch (site, epoch) WHERE watermark > told""",
    """CREATE TABLE IF NOT EXISTS missing (
        site TEXT NOT NULL, epoch TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL,
        PRIMARY KEY (site, epoch, last))""",
    """CREATE TABLE IF NOT EXISTS gone (
        site TEXT NOT NULL, epoch TEXT NOT NULL, first BIGINT NOT NULL, last BIGINT NOT NULL, reason TEXT NOT NULL,
        PRIMARY KEY (site, epoch, last))""",
    """CREATE TABLE IF NOT EXISTS conflict (
        site TEXT NOT NULL, epoch TEXT NOT NULL, seq BIGINT NOT NULL, mark TEXT NOT NULL, topic TEXT NOT NULL,
        payload TEXT NOT NULL,
        PRIMARY KEY (site, epoch, seq, mark))""",
    """CREATE TABLE IF NOT EXISTS presence (
        site TEXT NOT NULL, online INTEGER NOT NULL, sid BIGINT NOT NULL, epoch TEXT NOT NULL,
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

# A death of an earlier connection (a late will) is no news; a birth always is: on a new card sids begin anew.
MERGE_PRESENCE = """INSERT INTO presence VALUES (?, ?, ?, ?) ON CONFLICT (site) DO UPDATE SET
    online = excluded.online, sid = excluded.sid, epoch = excluded.epoch
    WHERE excluded.online = 1 OR excluded.sid >= presence.sid"""

# --- what became of every number: numbers.py ---

# Each begins with a row of `epoch`, which the database locks for the writer until the end of its transaction.
GO_ON = """UPDATE epoch SET last = ?, watermark = ? WHERE site = ? AND epoch = ? AND last = ? AND watermark = last"""

BEGIN_EPOCH = """INSERT INTO epoch VALUES (?, ?, 0, 0, 0)
    ON CONFLICT (site, epoch) DO UPDATE SET last = epoch.last"""

LAST_OF = "SELECT last FROM epoch WHERE site = ? AND epoch = ?"

MISSING_WITHIN = "SELECT first, last FROM missing WHERE site = ? AND epoch = ? AND last >= ? AND first <= ?"

GONE_WITHIN = "SELECT first, last, reason FROM gone WHERE site = ? AND epoch = ? AND last >= ? AND first <= ?"

FORGET_MISSING = "DELETE FROM missing WHERE site = ? AND epoch = ? AND first = ? AND last = ?"

FORGET_GONE = "DELETE FROM gone WHERE site = ? AND epoch = ? AND first = ? AND last = ?"

KEEP_MISSING = "INSERT INTO missing VALUES (?, ?, ?, ?)"

KEEP_GONE = "INSERT INTO gone VALUES (?, ?, ?, ?, ?)"

# The watermark: up to there everything has arrived or will never come.
MOVE_EPOCH = """UPDATE epoch SET last = ?, watermark = COALESCE(
        (SELECT first - 1 FROM missing WHERE site = ? AND epoch = ? ORDER BY last LIMIT 1), ?)
    WHERE site = ? AND epoch = ?"""

# --- what the sites are told, and asked for ---

MISSING = "SELECT site, epoch, first, last FROM missing ORDER BY site, epoch, first"

WATERMARKS = "SELECT site, epoch, watermark FROM epoch ORDER BY site, epoch"

UNTOLD = "SELECT site, epoch, watermark FROM epoch WHERE watermark > told ORDER BY site, epoch"

TELL = "UPDATE epoch SET told = ? WHERE site = ? AND epoch = ? AND told < ?"

EPOCHS_OF = "SELECT epoch FROM epoch WHERE site = ?"

TELL_AGAIN = "UPDATE epoch SET told = 0 WHERE site = ? AND epoch = ?"

# One of several workers asks: the one whose row this becomes. A clock that was set back delays nothing.
CLAIM = """INSERT INTO asked VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (site, epoch, first, last) DO UPDATE SET
    at_s = excluded.at_s, times = asked.times + 1 WHERE ABS(excluded.at_s - asked.at_s) >= ?"""

ASKED = "SELECT site, epoch, first, last, at_s, times FROM asked WHERE epoch <> '' ORDER BY site, epoch, first"

FORGET_ASKED = "DELETE FROM asked WHERE ABS(at_s - ?) >= ?"

# --- answers for people ---

ANYTHING = "SELECT site FROM epoch UNION ALL SELECT site FROM presence LIMIT 1"

SITES = "SELECT site FROM epoch UNION SELECT site FROM presence ORDER BY site"

# Summed by the reader: a thousand bases of one absurd site would be too much for a BIGINT, and hide everybody's.
COUNTED = "SELECT site, counter, lo, hi, total FROM counted ORDER BY site, counter"

EVENTS = "SELECT site, stream, total FROM event ORDER BY site, stream"

CONFLICTS = "SELECT site, epoch, seq FROM conflict ORDER BY site, epoch, seq"

GONE = "SELECT site, epoch, first, last, reason FROM gone ORDER BY site, epoch, first"

PRESENCE = "SELECT site, online, epoch FROM presence ORDER BY site"

# Of each epoch its newest message that has arrived.
NEWEST = """SELECT message.site, message.epoch, clock, ts_ms FROM epoch JOIN message
    ON message.site = epoch.site AND message.epoch = epoch.epoch AND seq = (SELECT MAX(arrived.seq)
        FROM message AS arrived WHERE arrived.site = epoch.site AND arrived.epoch = epoch.epoch)
    ORDER BY message.site"""

# When each message was made. What was stamped while no time server vouched for the clock is placed by the first message
# of the same boot that one did vouch for; milliseconds since boot tell how far they lie apart. NULL: none has come yet.
PLACED = """WITH vouched AS (
        SELECT boot, ts_ms - mono_ms AS booted_ms, ROW_NUMBER() OVER (PARTITION BY boot ORDER BY mono_ms) AS place
        FROM message WHERE site = ? AND clock = 'ntp' AND ts_ms IS NOT NULL AND mono_ms IS NOT NULL)
    SELECT epoch, seq, topic, CASE WHEN clock = 'ntp' THEN ts_ms ELSE COALESCE(
        booted_ms + mono_ms, CASE WHEN clock = 'none' THEN NULL ELSE ts_ms END) END
    FROM message LEFT JOIN vouched ON vouched.boot = message.boot AND place = 1
    WHERE site = ? ORDER BY epoch, seq"""

META = "SELECT site, epoch, seq, ts_ms, payload FROM message WHERE topic = 'meta' ORDER BY site"

MESSAGES = "SELECT site, COUNT(*) FROM message GROUP BY site ORDER BY site"
