"""What is true: who is told what, in which words, through which channel, and when not. No clock, no IO."""
