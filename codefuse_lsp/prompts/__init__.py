"""What the model reads. Pure text in, pure text out; knows nothing of editors or devices."""
