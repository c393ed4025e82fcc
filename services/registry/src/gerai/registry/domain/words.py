"""What the entries of the register are called, by programs and by people."""

from gerai.messaging.refusal import Sentence, Word

SITE = Word("site", Sentence("MPP", "site"))
INSTITUTION = Word("institution", Sentence("instansi", "institution"))
COUNTER = Word("counter", Sentence("gerai", "counter"))
DESK = Word("desk", Sentence("loket", "desk"))
SERVICE = Word("service", Sentence("layanan", "service"))
CALENDAR = Word("calendar", Sentence("kalender", "calendar"))
