"""The server of a running scan: pages, figures and controls over HTTP and WebSocket, beside the loop."""
