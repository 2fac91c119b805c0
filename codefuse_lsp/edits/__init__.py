"""What a model wrote, turned into changes of a file that fit where they go: what differs, where it belongs. Pure."""
