"""The program: words in, calls out."""
