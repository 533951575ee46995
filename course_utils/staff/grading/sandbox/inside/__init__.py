"""What runs within a sandbox, before there is a kernel. Its text is handed to an interpreter; nothing imports it."""
