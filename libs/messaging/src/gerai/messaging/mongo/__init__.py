"""MongoDB: `driver` holds every driver-specific call, `storage` the write side of the unit of work."""
