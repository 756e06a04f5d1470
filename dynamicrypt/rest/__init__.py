"""The REST interface that local applications use."""
