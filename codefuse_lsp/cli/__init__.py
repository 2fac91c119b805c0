"""The commands a person types. One file a command, each with `run(options, settings) -> exit code`."""
