"""Run networks without torch: bundles, sessions, and the runners that turn patterns into patches."""
