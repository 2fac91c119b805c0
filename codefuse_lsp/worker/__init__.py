"""The model process. The only room with torch and transformers; knows nothing of editors."""
