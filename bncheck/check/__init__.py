"""One check, from a layer and a mini-batch to its report; the library's front door."""
