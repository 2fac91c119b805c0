"""Changes to a text as values: what differs, where a block of code belongs, how deep it stands. Pure."""
