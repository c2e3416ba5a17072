"""Market microstructure: what trading costs, what moves prices, and what a book can take."""
