"""Who may do what at the queue."""

from gerai.chassis import Permission

ISSUE = Permission.to("tickets.issue", "kiosk", "officer", "supervisor")
LOOK = Permission.to("tickets.look", "kiosk", "officer", "supervisor", "operator")
CHANGE = Permission.to("tickets.change", "officer", "supervisor")
WORK = Permission.to("desks.work", "officer", "supervisor")
CLOSE_SERVICE = Permission.to("services.close", "supervisor")
SHOW = Permission.to("displays.show", "display", "kiosk", "officer", "supervisor", "operator")
RULES = Permission.to("rules.change", "supervisor")
"""The regency's office that runs the site."""
