def lint(notebook):
    return []


def code_style(root, files):
    return []


def palette_contrast():
    return []
