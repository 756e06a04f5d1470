"""The command `dynamicrypt`: for the person at a terminal, and for scripts."""
