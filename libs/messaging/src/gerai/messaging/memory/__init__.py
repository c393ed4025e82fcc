"""In-memory twins of the real adapters, for tests without IO; they pass the same contract tests."""
