"""The register that the drills run on: halls that are always open, made for being attacked."""

from collections.abc import Iterable
from typing import Any

SITE = "uji-mpp"
NIGHT_SITE = "uji-malam"
"""A site of its own for the end of the day, so that nobody else's visitors are sent home."""
VISIT_SITE = "uji-kunjungan"
"""A site of its own for visits that are looked at step by step: nobody else stands in its lines."""
TENANT = "uji-coba"
OTHER_TENANT = "uji-lain"
CROWD_DESKS = 64

_ALWAYS = [{"weekday": day, "intervals": [{"opens": "00:00", "closes": "23:59"}]} for day in range(7)]
_STANDARD = {
    "requirements": ["KTP elektronik"],
    "procedure": "Ambil nomor antrean, lalu serahkan berkas di loket.",
    "duration": "1 hari kerja",
    "fee": "Gratis",
    "product": "Surat keterangan",
    "complaints": "Meja pengaduan di lantai 1",
}
Row = dict[str, Any]


def desk_id(counter: str, number: int) -> str:
    return f"{counter}-{number}"


def service(id: str, counter: str, prefix: str, **more: Any) -> Row:
    return {
        "id": id,
        "name": f"Layanan {prefix}",
        "counter_id": counter,
        "prefix": prefix,
        "standard": _STANDARD,
        "number_range_end": 9_999,
        **more,
    }


def _counter(id: str, site: str, institution: str) -> Row:
    return {"id": id, "name": f"Gerai {id}", "site_id": site, "institution_id": institution}


def _desks(counter: str, count: int, services: Iterable[str]) -> list[Row]:
    return [
        {
            "id": desk_id(counter, number),
            "name": f"Loket {number}",
            "counter_id": counter,
            "service_ids": list(services),
        }
        for number in range(1, count + 1)
    ]


def _calendar(owner: str, **more: Any) -> Row:
    return {"id": owner, "week": _ALWAYS, "cutoff_minutes": 0, **more}


def register() -> Row:
    """Everything at once, as the registry's import takes it."""
    counters = ("ramai", "kios", "tahan", "layar", "jejak", "tutup")
    return {
        "sites": [
            {"id": SITE, "name": "MPP Uji", "zone": "Asia/Makassar", "address": "Jalan Uji 1"},
            {"id": NIGHT_SITE, "name": "MPP Malam", "zone": "Asia/Makassar", "address": "Jalan Uji 2"},
            {"id": VISIT_SITE, "name": "MPP Kunjungan", "zone": "Asia/Makassar", "address": "Jalan Uji 3"},
        ],
        "institutions": [{"id": "uji-dinas", "name": "Dinas Uji", "kind": "regency", "agreement": None}],
        "counters": [
            *(_counter(name, SITE, "uji-dinas") for name in counters),
            _counter("malam", NIGHT_SITE, "uji-dinas"),
            _counter("temu", VISIT_SITE, "uji-dinas"),
            _counter("lanjut", VISIT_SITE, "uji-dinas"),
        ],
        "services": [
            service("ramai-biasa", "ramai", "A"),
            service("ramai-batas", "ramai", "B", wait_limit_minutes=2),
            service("kios-nomor", "kios", "C"),
            service("tahan-satu", "tahan", "D"),
            service("tahan-dua", "tahan", "E"),
            service("layar-satu", "layar", "F"),
            service("jejak-satu", "jejak", "G"),
            service("jejak-dua", "jejak", "H"),
            service("tutup-tanggal", "tutup", "K"),
            service("tutup-kuota", "tutup", "L", daily_quota=1),
            service("tutup-kantor", "tutup", "M"),
            service("malam-satu", "malam", "A"),
            service("temu-satu", "temu", "A"),
            service("lanjut-satu", "lanjut", "B"),
        ],
        "desks": [
            *_desks("ramai", CROWD_DESKS, ("ramai-biasa", "ramai-batas")),
            *_desks("kios", 2, ("kios-nomor",)),
            *_desks("tahan", 8, ("tahan-satu", "tahan-dua")),
            *_desks("layar", 8, ("layar-satu",)),
            *_desks("jejak", 2, ("jejak-satu", "jejak-dua")),
            *_desks("tutup", 2, ("tutup-tanggal", "tutup-kuota", "tutup-kantor")),
            *_desks("malam", 2, ("malam-satu",)),
            *_desks("temu", 4, ("temu-satu",)),
            *_desks("lanjut", 1, ("lanjut-satu",)),
        ],
        "calendars": [
            _calendar(f"site:{SITE}"),
            _calendar(f"site:{NIGHT_SITE}"),
            _calendar(f"site:{VISIT_SITE}"),
            _calendar(
                "service:tutup-tanggal",
                overrides=[{"date": "2026-11-25", "intervals": [], "reason": "Rapat kerja"}],
            ),
        ],
    }


def others_register() -> Row:
    """Of another regency: small, and nobody's business but its own."""
    return {
        "sites": [{"id": "lain-mpp", "name": "MPP Lain", "zone": "Asia/Jakarta", "address": "Jalan Lain 1"}],
        "institutions": [{"id": "lain-dinas", "name": "Dinas Lain", "kind": "regency", "agreement": None}],
        "counters": [_counter("lain-gerai", "lain-mpp", "lain-dinas")],
        "services": [service("lain-satu", "lain-gerai", "A")],
        "desks": _desks("lain-gerai", 1, ("lain-satu",)),
        "calendars": [_calendar("site:lain-mpp")],
    }


SERVICES = tuple(row["id"] for row in register()["services"])
DESKS = tuple(row["id"] for row in register()["desks"])
