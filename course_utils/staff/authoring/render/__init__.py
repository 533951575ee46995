"""What is shown as HTML: one renderer for the site, the slides and the pages of a report.

rendering   cells, Markdown and formulas -> HTML; templates/
website     the course as a folder of pages
decks       a lecture as slides
browser     a browser without a window: pages -> PDF
"""
