"""The tables that every organisation of Dynamics 365 Sales begins with, written in a short notation.

In: nothing; out: tables and relationships. Reading order: `options`, `notation`, `sales`, `activities`,
`administration`, `standard`. Next room: `storage`.
"""
