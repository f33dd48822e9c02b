"""Sites as TOML: the head that every site needs, and a small whole one for tests that change one thing in it."""

from __future__ import annotations

SITE = """\
[site]
id = "gz-baiyun"
name_zh = "广州白云分拨中心"
name_en = "Guangzhou Baiyun hub"
province = "44"
city = "4401"
level = "hub"

[bureau]
host = "mqtt.example.org"
ca_file = "/etc/hubpulse/tls/ca.pem"
username = "gz-baiyun"
password_credential = "bureau-password"

[bus.sorter]
serial = "/dev/serial/by-path/port0"
baud = 19200

[bus.eyes]
tcp = "192.168.10.21"

[device.plc-a]
bus = "sorter"
unit = 1
period_s = 0.5

[device.plc-a.point.inducted]
area = "holding"
address = 100
type = "u32"
kind = "counter"

[device.plc-a.point.delivered]
ref = "40103"
type = "u32"
kind = "counter"

[device.plc-a.point.speed]
area = "input"
address = 7
type = "u16"

[device.eye-1]
bus = "eyes"
unit = 1
point.rejected = { area = "input", address = 16, type = "u32", kind = "counter" }

[line.north]
name_zh = "北线"
name_en = "North line"
induct = ["plc-a.inducted"]
discharge = ["plc-a.delivered"]
reject = ["eye-1.rejected"]
capacity_pph = 20000
buffer_parcels = 5000
"""


def head(site: str, level: str = "hub") -> str:
    """Who it is, and a broker on this machine; what follows goes on under [bureau]."""
    return f"""\
[site]
id = "{site}"
province = "44"
city = "4401"
level = "{level}"
[bureau]
host = "127.0.0.1"
tls = false
"""


HEAD = head("gz-test")


def changed(old: str, new: str) -> str:
    """The site with one stretch of text replaced, which must be there."""
    assert old in SITE, old
    return SITE.replace(old, new, 1)
