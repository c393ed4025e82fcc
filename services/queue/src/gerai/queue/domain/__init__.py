"""What is true: tickets and their legs, numbers, lines, desks, opening hours. No clock, no IO."""
