"""What the help teaches, below the options; `{prog}` is what the user types. Examples first."""

from __future__ import annotations

from typing import Final

EPILOG: Final = """the way through:
  {prog} doctor                                     is everything in place?
  {prog} estimate photos --duration 5               what would it cost?
  {prog} run photos --prompt "it snows" --dry-run   what would be made?
  {prog} run photos --prompt "it snows" --out videos --budget 25
  {prog} status videos                              where does it stand?
  {prog} resume videos                              finish what was interrupted
  {prog} report videos --open                       look at the videos

without a key: `{prog} emulator` (extra emulator) in another terminal, and paste the two lines that it prints.

environment:
  GMI_API_KEY   the key (never an option: options end up in logs and histories)
  GMI_BASE_URL  another service, such as the emulator
  GMI_ORG_ID    the organisation, if the key serves several

exit codes:
{codes}

Tab completion in bash and zsh, with the extra cli: eval "$(register-python-argcomplete pixverse-async)"
"""

SOURCES: Final = """sources, any number and mixed:
  photos/            a folder of images. cat.txt beside cat.jpg is its own prompt; cat.json holds any parameters,
                     such as {"prompt": "the cat yawns", "duration": 8, "audio": true}
  shots.csv          a table with a row for each video: .csv, .tsv, .jsonl or .parquet (extra parquet), with columns
                     image (a path relative to the table, or a URL), prompt, duration, quality, audio, multi_clip,
                     seed, name, and metadata.ANYTHING for your own; options fill in what a row leaves out
  'a/**/*.jpg'       a pattern, or image files by name
  https://...        an image on the web
"""

RUN_EPILOG: Final = (
    SOURCES
    + """
examples:
  {prog} run photos --prompt "it snows" --dry-run
  {prog} run shots.csv --out videos --budget 25
  {prog} run shots.csv --json --quiet > outcomes.jsonl

Run the same line again and it finishes the rest: nothing is paid twice. Beside the videos lie the journal (keep
it), manifest.jsonl and manifest.csv with a row for each video, and pixverse-run.json, from which `resume` goes on.
The first Ctrl-C stops sending, hears out what is being sent, and prints the line to go on with; the second leaves.
"""
)


ESTIMATE_EPILOG: Final = (
    SOURCES
    + """
examples:
  {prog} estimate photos --duration 10 --quality 1080p
  {prog} estimate shots.csv --json

It asks nobody and needs no key.
"""
)

RESUME_EPILOG: Final = """examples:
  {prog} resume videos                    the run again, as its pixverse-run.json says: kept, fetched or sent
  {prog} resume videos --budget 40        the same with another budget; so for the other options
  {prog} resume videos --sent-only        what is paid, and nothing else

Held jobs are looked up in the service's list on the way. A run with --retry-failed is finished as what it was: what
failed before it is sent again once, and what fails in it stays failed until a resume has --retry-failed of its own.
"""

STATUS_EPILOG: Final = """examples:
  {prog} status videos
  {prog} status videos --json | jq 'select(.state == "failed")'

Reads the journal only, also while a run works on the folder. The exit code is 9 while a job is held.
"""

RESOLVE_EPILOG: Final = """A job is held when the answer to its submit was lost and the list of requests does not
show it: it may be billed. Look into the console for its seed (`status` shows it), then say what you found:

  {prog} resolve videos 3f2a91c0 --request-id 5a7a5466-...     it is there: the next resume fetches it
  {prog} resolve videos 3f2a91c0 --not-accepted                it is not: the next run sends it again
  {prog} resolve videos --all-older-than 1h --not-accepted     none of them is

The service is asked first: an id of another job's request is refused, and so is a job that the list shows after all.
Nothing is called absent within ten minutes of its submit. A queued job is settled likewise, when the service has not
known the request that it waits for during a whole minute.

A run with another key, organisation or address than the one that sent an unfinished job is refused: there it would
not be found. If it is the same account all the same, because its key was renewed or the service moved, say so once:

  {prog} resolve videos --same-account
"""

ATTACH_EPILOG: Final = """examples:
  {prog} attach 5a7a5466-... --out cat.mp4
  {prog} attach 5a7a5466-... --no-wait
"""
