"""One file per group of commands; each registers itself and imports what it needs when it is called."""
