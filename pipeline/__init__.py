"""The program without its window and without inference runtimes: sources, tracking, smoothing, log."""
