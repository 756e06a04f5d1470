"""Sans-IO state machines of the two peer protocols."""
