"""Serves the page of a session, in a process of its own; `live/serving` is the session's side."""
