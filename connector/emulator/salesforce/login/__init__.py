"""How callers prove who they are: `token`, the old `soap` login, and `identity` for who a session belongs to."""
