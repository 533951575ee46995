"""What was handed in, and the tables of the operator: files that strangers wrote, read with care."""
