"""What a student's kernel never sees, and a copy that is handed out does not hold: judges, grading and authoring.

judging     what is right, and which mistakes are known
authoring   from the sources of the course to what is published
grading     from what was handed in to what is handed back

Leaving this one folder out is the rule of secrecy; nothing outside of it imports from it but the commands, and
`lesson.check` where it is there.
"""
