"""Notebooks that attack the grader (`attacks`), and honest ones that look odd (`honest`): what each of them must get.

The threat model. Students control every byte of their file, its name, and everything that happens in the kernel that
runs it: they can replace the kernel itself and write to its sockets whatever they like. They know the source of
this project. They want points without an answer, or other people's answers, or the solutions; or they want the run to
stop, to take for ever, to fill the disk or the memory, or to change something on the machine. What has to hold:

* a task earns what its own answer is worth on fresh inputs, and nothing else earns points;
* the other tasks of the same notebook are graded all the same, and so is every other submission;
* no secret is seen, nothing outside the sandbox changes, no process is left, and time and memory are bounded.

The verdict is reached outside, by a process that takes from the kernel plain data of bounded size and never runs,
unpickles or imports anything of a submission. So a forged message can say no more than an answer could return.

What is not defended:

* Answers that are not the student's own: copied, bought, or made by a program. Fresh inputs in each run defeat only
  answers that are looked up in a table. Likewise, what `course_utils` offers may be called where the task allows it.
* A student's code can tell that it is being graded. It gains nothing by that.
* What a probe can only be told: that a function was called, for example. Such data alone earns no points.
* Faults in the Linux kernel, in bubblewrap, in Python's JSON or in ZeroMQ. The filter on system calls makes the first
  harder to reach; the grader's own process is an ordinary one, so it should not be run by someone who holds secrets
  that are worth such an attack.
* Students who agree to tell each other something by how busy the machine is, while both are graded.
* A student who breaks their own earlier results: once a task's own code has spoilt its kernel, that task is lost.
* Grading with `--unsafe-no-sandbox`, and `course check`, which runs one's own notebook: limits, and no walls.
"""
