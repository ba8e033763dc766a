"""Models over inference runtimes."""
