"""The door to editors. The only room with pygls and lsprotocol; knows nothing of models."""
