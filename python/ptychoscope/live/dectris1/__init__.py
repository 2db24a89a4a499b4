"""DECTRIS' first stream: multipart messages of JSON and packed pixels over ZeroMQ."""
