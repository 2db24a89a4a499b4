"""Result files: what they hold, a file per format, and what a damaged or foreign one may do."""
