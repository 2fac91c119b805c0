"""The seam between those who want text and the process that makes it."""
