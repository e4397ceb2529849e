"""One module or package per paper; discovery walks this folder."""
