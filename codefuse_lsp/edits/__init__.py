"""What a model wrote, turned into changes of a file that fit where they go. Pure; knows no editors and no models."""
