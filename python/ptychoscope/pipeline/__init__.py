"""From a scan to an image: sources, the loop, sinks, and the plan that puts them together."""
