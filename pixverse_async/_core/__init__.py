"""What decides: values in, values out, the same answer for the same question.

Here are the job and its states, what an answer of the service means, what may be sent again, when to look, and what
may be spent.  Nothing here waits, reads a clock, draws a number, or touches the disk or the network: the time and
chance come as arguments, and `tests/test_layering.py` refuses an import that would let them in.
"""
