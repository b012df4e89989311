"""What is wrong, in words: notes by reading the numbers."""
