"""Who may do what at notification. `admin` may everything within its regency."""

from gerai.chassis import Permission

DEFINE = Permission.to("definitions.change", "supervisor")
KEEP_PARTIES = Permission.to("parties.keep", "kiosk", "officer", "supervisor")
FORGET = Permission.to("parties.forget", "supervisor")
LOOK = Permission.to("notifications.look", "officer", "supervisor", "operator")
CHANGE = Permission.to("notifications.change", "supervisor", "operator")
