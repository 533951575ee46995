"""What is handed back: gradebook, feedback pages, the instructor's overview, exports to learning platforms."""
