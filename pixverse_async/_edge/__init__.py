"""What acts: calls, files, tasks, and the clock that `_core` is told.

Here are the stages of a batch, one file each, the journal and the sinks that they write to, and the client that puts
them together; `batch` is the file to begin with.  Whatever can be decided without waiting is asked of `_core`, so that
no rule has to be tested through a socket, and the transport alone knows aiohttp.
"""
