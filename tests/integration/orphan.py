"""Run as a program: begins a transaction on a document, as a service does, and dies in the middle of it."""

import os
import sys

from pymongo import MongoClient


def main(uri: str, collection: str, id: str) -> None:
    client: MongoClient[dict[str, object]] = MongoClient(uri)
    session = client.start_session()
    session.start_transaction()
    found = client["queue"][collection].update_one({"_id": id}, {"$inc": {"issued": 0}}, session=session)
    assert found.matched_count == 1, f"there is no {collection} {id}"
    client["queue"][collection].update_one({"_id": id}, {"$set": {"orphaned": True}}, session=session)
    os._exit(0)  # no goodbye: the transaction stays open, and holds the document


if __name__ == "__main__":
    main(*sys.argv[1:])
