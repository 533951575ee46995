def readme(root):
    raise ValueError("not yet")
