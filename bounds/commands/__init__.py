"""The commands that need no training; ``cli`` adds those that do."""
