"""What is true: permit types, cases, the legal clock, permits, fees. No clock on the wall, no IO."""
