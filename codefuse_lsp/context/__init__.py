"""From a buffer to what the model should know. Pure; knows nothing of prompts or the wire."""
