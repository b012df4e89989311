"""A coverage-guided fuzzer on the readers of files: see README.md."""
