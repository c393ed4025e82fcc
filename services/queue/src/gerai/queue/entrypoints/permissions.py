"""Who may do what at the queue. `admin` may everything within its regency."""

from gerai.chassis import Permission

ISSUE = Permission.to("tickets.issue", "kiosk", "officer", "supervisor")
LOOK = Permission.to("tickets.look", "kiosk", "officer", "supervisor", "operator")
REINSTATE = Permission.to("tickets.reinstate", "officer", "supervisor")
CANCEL = Permission.to("tickets.cancel", "supervisor")
WORK = Permission.to("desks.work", "officer", "supervisor")
CLOSE_SERVICE = Permission.to("services.close", "supervisor")
SHOW = Permission.to("displays.show", "display", "kiosk", "officer", "supervisor", "operator")
RULES = Permission.to("rules.change", "supervisor")
