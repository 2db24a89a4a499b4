"""DECTRIS' second stream: one CBOR map a message over ZeroMQ."""
