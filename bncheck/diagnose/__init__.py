"""What is wrong, in words, and what could not be seen."""
