"""What the entries of the register are called, by programs and by people."""

from gerai.messaging.refusal import LocalizedText, Term

SITE = Term("site", LocalizedText("MPP", "site"))
INSTITUTION = Term("institution", LocalizedText("instansi", "institution"))
COUNTER = Term("counter", LocalizedText("gerai", "counter"))
DESK = Term("desk", LocalizedText("loket", "desk"))
SERVICE = Term("service", LocalizedText("layanan", "service"))
CALENDAR = Term("calendar", LocalizedText("kalender", "calendar"))
