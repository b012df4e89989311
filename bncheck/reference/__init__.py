"""What is right: the definition's values, and its derivatives in closed form."""
