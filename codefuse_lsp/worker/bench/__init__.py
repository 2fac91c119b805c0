"""The `engine` and `peers` suites: our engine beside what a user would otherwise run, on the same weights."""
