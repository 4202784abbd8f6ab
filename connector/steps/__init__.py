"""The five steps, in the order of the river: pull, enrich, diff, write back, undo."""
