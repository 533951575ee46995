def coverage(root):
    raise ValueError("not yet")
