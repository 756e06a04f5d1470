"""REST v1, the interface of the thesis' program."""
