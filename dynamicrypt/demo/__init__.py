"""The demo: two nodes on this machine, two applications, messages under keys that keep changing.

Run it with `python -m dynamicrypt.demo`; it ends by itself and its exit status tells success.
"""
