"""The other program: a wire 1 peer and an application that share no code with DynamiCrypt.

Two of our own nodes would agree on a shared mistake. These pieces were written from the
description of the thesis' program alone and import nothing from the package.
"""
