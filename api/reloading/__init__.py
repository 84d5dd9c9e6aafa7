"""How a changed bundle comes to serve: noticed, judged in a child process, staged, and taken up in one step."""
