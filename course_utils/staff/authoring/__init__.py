"""For authors: executes the notebooks, writes them in one canonical form, and generates what follows from them.

notebook_files   the canonical form of a notebook, what it was built from
sections, teaching_notes, formulas, png, problems   the parts of a notebook that several rooms look at
lints/           what every notebook must keep to
render/          cells and Markdown as HTML: the site, the slides, the pages of a report
build/           runs what changed; exercises, tables, hand-outs, new lessons
"""
