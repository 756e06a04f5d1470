"""Codecs of the two peer protocols: bytes of a line to a message and back."""
