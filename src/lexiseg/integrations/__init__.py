"""lexiseg inside the programs where people already work: one module per program."""
