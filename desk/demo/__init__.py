"""`tanggap demo`: the whole life of a sample inbox before one's eyes, on a desk of its own."""
