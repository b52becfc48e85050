"""Pure maths on tensors and arrays: no files, no weights, no state."""
