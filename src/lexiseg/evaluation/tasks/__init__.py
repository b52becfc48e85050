"""What is measured for each kind of question: one file per task."""
