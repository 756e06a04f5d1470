"""The service as its users and its attackers meet it: processes, sockets, HTTP."""
