"""Lets a process of its own serve the page of a session, and answers its questions."""
